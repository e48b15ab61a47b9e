"""A decision stands before what rests on it, in a log whose signer, anchor and proofs are all in order."""

import io
from dataclasses import dataclass, replace

import pytest

from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from ledger.services.decide import record
from ledger.verify.checks import verify_bundle
from ledger.verify.report import Status
from tests.support.past import past, shown
from tests.support.schemas import written_as

__all__ = ["past", "shown"]

DECISION = b"\x0d" * 32
NAME = to_hex(DECISION)


@dataclass
class Foreseen:
    """Randomness whose first 32 bytes are known before: the id of the next decision."""

    behind: object
    waiting: bool = True

    def token(self, size):
        if size == len(DECISION) and self.waiting:
            self.waiting = False
            return DECISION
        return self.behind.token(size)


def write(shown, key, kind=Kind.STARTED, decision=NAME):
    scene = shown.scene
    entry = NewEntry(kind, "engine", to_hex(scene.study), to_hex(scene.engine), decision=decision)
    shown.ledger.appender.append(shown.log, key, [entry])


def decide(shown):
    context = shown.ledger.context
    foreseen = replace(context, entropy=Foreseen(context.entropy))
    answer = record(foreseen, shown.ledger.appender, shown.scene.request(), [shown.patients[1].subject])
    assert answer.id == NAME


def verified(shown):
    shown.anchor()
    data, manifest = shown.export()
    return verify_bundle(io.BytesIO(data), bytes.fromhex(manifest.trusted.hash[2:]))


def test_what_comes_after_its_decision_holds(shown):
    decide(shown)
    write(shown, "after")
    assert verified(shown).exit_code == 0


@pytest.mark.parametrize("kind", [Kind.STARTED, Kind.COMPLETED, Kind.OVERRIDE])
def test_a_computation_before_its_decision_fails_and_is_named(shown, kind):
    write(shown, "early", kind)
    decide(shown)
    write(shown, "after")
    report = verified(shown)
    assert [check.name for check in report.checks if check.status is Status.FAIL] == ["decisions"]
    assert f"entry 7: it names decision {NAME}" in report.check("decisions").detail


def test_a_computation_under_a_decision_that_never_was_fails(shown):
    write(shown, "never", decision="0x" + "77" * 32)
    report = verified(shown)
    assert report.check("decisions").status is Status.FAIL
    assert "entry 7" in report.check("decisions").detail


def test_an_entry_of_a_later_schema_counts_for_the_tree_and_is_not_guessed_at(shown):
    with written_as("consentry.entry/2"):
        write(shown, "later", decision="")
    report = verified(shown)
    assert report.check("tree").status is Status.PASS
    unknown = [check.name for check in report.checks if check.status is Status.UNCHECKED]
    assert {"accesses", "decisions"} <= set(unknown)
    assert report.exit_code == 3
    assert "newer checker" in report.check("accesses").detail


@pytest.mark.parametrize("schema", ["consentry.entry/0", "consentry.entry/02", "consentry.entry/x", "other/2", ""])
def test_an_entry_of_no_schema_of_ours_fails(shown, schema):
    with written_as(schema):
        write(shown, "odd", decision="")
    report = verified(shown)
    assert report.check("tree").status is Status.FAIL
    assert "entry 7" in report.check("tree").detail
