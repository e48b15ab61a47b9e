"""What the Gate costs a computation: the same private sum with it and without.

With the Gate: a cohort decision, the started entry, the permitted rows, a second decision and the completed entry, over
HTTP to a service on the embedded chain, each durable and with its receipt checked. Without it: the sum on all rows.
"""

import secrets
from statistics import median

import opendp.prelude as dp
import polars as pl

from benches.harness import Figures, Stage, seconds
from benches.scene import CATEGORIES, OPERATION, scene, settings
from benches.server import consentry, free_port
from ledger.bootstrap import SystemClock
from ledger.domain.identifiers import to_hex
from ledger.domain.vocabulary import CATEGORY_TERMS
from ledger.domain.wording import operation_word
from ledger.gate import EngineIdentity, Gate, LedgerClient
from ledger.gate.opendp import version
from ledger.identity.door import local_issuer
from ledger.identity.principal import Role
from ledger.services.submit import submit

RUNS = 5
OLDEST = 120


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    home, port = stage.home(), free_port()
    chosen = settings(home, port=port)
    with scene(chosen) as founded:
        patients = founded.enrol(stage.pick(100, 1_000))
        founded.sealed(submit(founded.ledger.context, founded.grants(patients)))
    rows = pl.DataFrame(
        {
            "subject": [to_hex(patient.subject) for patient in patients],
            "age": [40 + secrets.randbelow(40) for _ in patients],
        }
    )
    now = SystemClock().now()
    token = local_issuer(chosen).issue(Role.ENGINE, founded.engine, now=now, seconds=3600)
    engine = EngineIdentity(to_hex(founded.engine), "opendp", version())
    categories = [term.name for term in CATEGORY_TERMS if term.bit & CATEGORIES]
    with consentry(home, port), LedgerClient(f"http://127.0.0.1:{port}", token) as client:
        gate = Gate(client, engine)

        def gated() -> int:
            subjects = rows["subject"].to_list()
            with gate.computation(to_hex(founded.study), operation_word(int(OPERATION)), categories, subjects) as run:
                total = _private_sum(run.permitted(rows, id_column="subject"))
                held = run.hold("sum", total, total)
            return held.value

        gated()
        with_gate = median(seconds(gated) for _ in range(RUNS))
    without = median(seconds(lambda: _private_sum(rows)) for _ in range(RUNS))
    return {
        "with_gate_s": round(with_gate, 4),
        "without_gate_s": round(without, 4),
        "overhead_ms": round((with_gate - without) * 1e3, 1),
        "subjects": len(patients),
    }


def _private_sum(rows: pl.DataFrame) -> int:
    """OpenDP's sum with Laplace noise."""
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.symmetric_distance()
    measurement = space >> dp.t.then_clamp((0, OLDEST)) >> dp.t.then_sum() >> dp.m.then_laplace(scale=1000.0)
    return int(measurement(rows["age"].to_list()))
