"""A ledger with a past: consents, decisions, computations, anchors and withdrawals, ready to be exported."""

import io
import secrets
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.bootstrap import Ledger, open_ledger
from ledger.config import Settings
from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from ledger.domain.outbox import ItemState
from ledger.domain.policy import Request
from ledger.domain.vocabulary import Category
from ledger.export.bundle import export_bundle
from ledger.provenance.bundle import Manifest
from ledger.services.anchor import anchor
from ledger.services.decide import RecordedAnswer, record
from tests.support.scene import Patient, Scene, any_scope, fresh


@dataclass
class Exhibit:
    """An open ledger, and who is in it."""

    ledger: Ledger
    scene: Scene
    patients: list[Patient]
    consents: list[bytes]
    answers: list[RecordedAnswer]

    @property
    def log(self) -> bytes:
        return self.scene.institution

    def decide(self, patients: list[Patient]) -> RecordedAnswer:
        request = Request(self.scene.study, self.scene.engine, 1, int(Category.DEMOGRAPHICS | Category.OUTCOMES))
        subjects = [patient.subject for patient in patients]
        answer = record(self.ledger.context, self.ledger.appender, request, subjects)
        self.answers.append(answer)
        return answer

    def compute(self, answer: RecordedAnswer, *, output: str = "0x" + "ab" * 32, parents: Sequence[str] = ()) -> None:
        common = {
            "actor": f"engine:{to_hex(self.scene.engine)}",
            "study": to_hex(self.scene.study),
            "engine": to_hex(self.scene.engine),
            "operation": "federated-learning",
            "decision": answer.id,
            "block": (answer.answer.block.number, to_hex(answer.answer.block.hash)),
        }
        run = secrets.token_hex(16)
        opening = {
            "run": run,
            "cohort": {"root": to_hex(answer.commitment.root), "size": answer.commitment.size, "permitted": "under 11"},
            "engine": {"id": to_hex(self.scene.engine), "name": "opendp", "version": "0.14"},
            "parameters": {"epsilon": "0.5"},
            "categories": ["demographics", "outcomes"],
            "parents": list(parents),
        }
        self.ledger.appender.append(self.log, f"{run}-start", [NewEntry(kind=Kind.STARTED, facts=opening, **common)])
        facts = {
            **opening,
            "inputs": [{"commitment": to_hex(fresh()), "rows": "under 11"}],
            "outputs": [{"name": "mean-age", "sha256": output}],
            "rechecks": [answer.id],
            "facts": {},
        }
        self.ledger.appender.append(self.log, f"{run}-end", [NewEntry(kind=Kind.COMPLETED, facts=facts, **common)])

    def anchor(self) -> None:
        item = anchor(self.ledger.context, self.log)
        assert item is not None
        for _ in range(1000):  # a node mines when it does; what is awaited here is the block, not a moment
            self.ledger.relayer.run_once()
            found = self.ledger.context.outbox.item(item.digest)
            assert found is not None
            if found.state is ItemState.SEALED:
                break
            time.sleep(0.01)
        else:
            raise AssertionError(f"the anchoring is {found.state}")
        self.ledger.catch_up()

    def export(self, *, with_members: bool = True) -> tuple[bytes, Manifest]:
        out = io.BytesIO()
        manifest = export_bundle(self.ledger.context, self.log, out, with_members=with_members)
        return out.getvalue(), manifest


@contextmanager
def exhibit(home: Path, rpc_url: str = "", database_url: str = ""):
    """Two anchored rounds of asking and computing, with a withdrawal in between; everything is anchored."""
    with open_ledger(Settings(home=home, rpc_url=rpc_url, database_url=database_url)) as ledger:
        scene = Scene(ledger.chain, ledger.context.clock.now()).found()
        patients = [Patient() for _ in range(6)]
        scene.must(*[scene.enrolment(patient) for patient in patients])
        consents = [scene.consent(patient) for patient in patients[:3]]
        refusal = scene.consent(patients[3], scope=any_scope(scene.terms, effect=2))
        scene.must(*consents, refusal)
        ledger.catch_up()
        shown = Exhibit(ledger, scene, patients, [consent.id for consent in consents], [])
        shown.compute(shown.decide(patients[:4]))
        shown.anchor()
        scene.must(scene.withdrawal(patients[0], consents[0].id))
        ledger.catch_up()
        shown.decide([patients[0]])
        shown.compute(shown.decide(patients[:5]), output="0x" + "cd" * 32, parents=["0x" + "ab" * 32])
        shown.anchor()
        yield shown
