"""Decisions over HTTP, from a process of its own, against a raw ASGI echo of the same bodies under the same server.

One uvicorn worker on the embedded chain, eight connections that are kept open, tokens checked at each request.
``single`` is a look at one subject; ``receipt`` is one whose answer is signed; ``recorded`` puts the decision on record
as well, each for itself and durable; a batch asks about all subjects, in the compact form and in the whole one.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benches.client import load
from benches.harness import Figures, Stage, per_second, spread
from benches.scene import CATEGORIES, OPERATION, Scene, scene, settings
from benches.server import consentry, echo, free_port, request
from ledger.domain.identifiers import to_hex
from ledger.domain.vocabulary import CATEGORY_TERMS
from ledger.domain.wording import operation_word
from ledger.identity.door import local_issuer
from ledger.identity.principal import Role
from ledger.services.submit import submit

CONNECTIONS = 8


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    home, port = stage.home(), free_port()
    with scene(settings(home)) as founded:
        patients = founded.enrol(1_000)
        founded.sealed(submit(founded.ledger.context, founded.grants(patients)))
        asked = _Asked(founded, home, port, [to_hex(patient.subject) for patient in patients])
    stage.say(f"{len(patients)} patients enrolled")
    count = stage.pick(500, 2_000)
    single = [asked.decision([subject], record=False) for subject in asked.subjects]
    with echo(port):
        load(port, single, CONNECTIONS, 50)
        took, _ = load(port, single, CONNECTIONS, count)
        figures: Figures = {"echo_rps": per_second(CONNECTIONS * count, took)}
    with consentry(home, port):
        load(port, single, CONNECTIONS, 50)
        took, times = load(port, single, CONNECTIONS, count)
        middle, worst = spread(times, 1e3)
        figures |= {
            "single_rps": per_second(CONNECTIONS * count, took),
            "single_p50_ms": middle,
            "single_p99_ms": worst,
        }
        took, _ = load(port, [asked.evaluation(subject) for subject in asked.subjects], CONNECTIONS, count)
        figures["authzen_rps"] = per_second(CONNECTIONS * count, took)
        signed = [asked.decision([subject], record=False, receipt=True) for subject in asked.subjects]
        took, _ = load(port, signed, CONNECTIONS, count)
        figures["receipt_rps"] = per_second(CONNECTIONS * count, took)
        recorded = [asked.decision([subject], record=True) for subject in asked.subjects]
        took, _ = load(port, recorded, CONNECTIONS, count // 4)
        figures["recorded_rps"] = per_second(CONNECTIONS * (count // 4), took)
        batches = stage.pick(50, 200)
        for name, compact in (("batch_checks_per_s", True), ("batch_whole_checks_per_s", False)):
            batch = asked.decision(asked.subjects, record=False, compact=compact)
            took, _ = load(port, [batch], 2, batches)
            figures[name] = per_second(2 * batches * len(asked.subjects), took)
        return {**figures, "batch_size": len(asked.subjects), "connections": CONNECTIONS}


class _Asked:
    """The requests that are sent."""

    def __init__(self, founded: Scene, home: Path, port: int, subjects: Sequence[str]) -> None:
        chosen = settings(home, port=port)
        issuer = local_issuer(chosen)
        self.subjects = subjects
        self._port = port
        self._study, self._engine = to_hex(founded.study), to_hex(founded.engine)
        self._token = issuer.issue(Role.ENGINE, founded.engine, now=int(time.time()), seconds=3600)
        self._categories = [term.name for term in CATEGORY_TERMS if term.bit & CATEGORIES]

    def decision(self, subjects: Sequence[str], *, record: bool, compact: bool = False, receipt: bool = False) -> bytes:
        """A native decision."""
        body = {
            "study": self._study,
            "operation": operation_word(int(OPERATION)),
            "categories": self._categories,
            "subjects": subjects,
            "record": record,
            "compact": compact,
            "receipt": receipt,
        }
        return self._post("/v1/decisions", body)

    def evaluation(self, subject: str) -> bytes:
        """The same in AuthZEN's words."""
        body = {
            "subject": {"type": "engine", "id": self._engine},
            "action": {"name": operation_word(int(OPERATION))},
            "resource": {"type": "patient", "id": subject},
            "context": {"study": self._study, "categories": self._categories},
        }
        return self._post("/access/v1/evaluation", body)

    def _post(self, path: str, body: dict[str, Any]) -> bytes:
        return request(self._port, "POST", path, json.dumps(body).encode(), self._token)
