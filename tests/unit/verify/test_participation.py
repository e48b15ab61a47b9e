"""A patient's proof, checked on logs that are written here, so that an order no honest service writes can be tried."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.domain.audit import Kind
from ledger.domain.identifiers import to_hex
from ledger.transparency import canonical
from ledger.transparency.checkpoint import Checkpoint, origin_of, write_checkpoint
from ledger.transparency.cohort import Cohort
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.note import NoteSigner
from ledger.transparency.tree import Tree
from ledger.verify.participation import verify_participation
from ledger.verify.report import Status

LOG = bytes(range(32))
ANN, BOB = b"\x01" * 32, b"\x02" * 32
SIGNER = NoteSigner(origin_of(LOG), Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
ROWS = {ANN: True, BOB: False}


def cohort():
    return Cohort(list(ROWS), list(ROWS.values()), bytes(range(16 * len(ROWS))))


def decision(name, kind=Kind.DECISION):
    root = cohort().commitment
    return {"kind": str(kind), "decision": name, "facts": {"cohort": {"root": to_hex(root.root), "size": root.size}}}


def computation(first, *rechecks, kind=Kind.COMPLETED):
    return {"kind": str(kind), "decision": first, "facts": {"rechecks": list(rechecks)}}


def participation(entries, computed, decided, *, subject=ANN):
    """The file on the patient's row in a log of some entries, in the order in which the places are given."""
    documents = [{"index": index, "log": to_hex(LOG), **entry} for index, entry in enumerate(entries)]
    tree = Tree()
    for document in documents:
        tree.append(leaf_hash(canonical.encode(document)))
    note = write_checkpoint(Checkpoint(LOG, tree.size, tree.root()), [SIGNER])
    row = cohort().prove(subject)

    def placed(index):
        return {"document": documents[index], "path": [to_hex(node) for node in tree.inclusion_proof(index)]}

    shown = {
        "permitted": row.permitted,
        "salt": to_hex(row.salt),
        "index": row.index,
        "path": [to_hex(node) for node in row.path],
    }
    return {
        "format": "consentry.participation/1",
        "subject": to_hex(subject),
        "checkpoint": note,
        "computation": placed(computed),
        "decisions": [{"entry": placed(index), "row": shown, "absence": None} for index in decided],
    }


def check(document):
    return verify_participation(json.dumps(document).encode(), [SIGNER.verifier])


def failed(report):
    return {item.name for item in report.checks if item.status is Status.FAIL}


@pytest.mark.parametrize(("subject", "found"), [(ANN, "in the cohort"), (BOB, "refused")], ids=["ann", "bob"])
def test_a_decision_and_its_recheck_before_the_computation_hold(subject, found):
    entries = [decision("a"), decision("b"), computation("a", "b")]
    report = check(participation(entries, 2, [0, 1], subject=subject))
    assert report.verdict is Status.PASS
    assert report.check("rows").detail.count("was " + found) == 2


@pytest.mark.parametrize(
    ("entries", "computed", "decided"),
    [
        ([computation("a"), decision("a")], 0, [1]),
        ([decision("a"), computation("a", "b"), decision("b")], 1, [0, 2]),
        ([decision("b"), computation("a", "b"), decision("a")], 1, [2, 0]),
    ],
)
def test_a_decision_after_the_computation_fails(entries, computed, decided):
    report = check(participation(entries, computed, decided))
    assert failed(report) == {"decisions"}
    assert "not a decision before the computation" in report.check("decisions").detail


def test_a_computation_that_stands_for_a_decision_fails():
    entries = [decision("a", Kind.COMPLETED), computation("a")]
    assert failed(check(participation(entries, 1, [0]))) == {"decisions"}


def test_a_decision_that_stands_for_the_computation_fails():
    entries = [decision("a"), computation("a", kind=Kind.DECISION)]
    assert "computation" in failed(check(participation(entries, 1, [0])))


@pytest.mark.parametrize("decided", [[], [0], [1, 0], [0, 1, 1]])
def test_decisions_left_out_added_or_moved_fail(decided):
    entries = [decision("a"), decision("b"), computation("a", "b")]
    assert "decisions" in failed(check(participation(entries, 2, decided)))


def test_a_computation_that_names_no_decision_fails():
    assert "decisions" in failed(check(participation([computation("")], 0, [])))


def test_an_entry_of_another_log_or_place_fails():
    document = participation([decision("a"), computation("a")], 1, [0])
    document["decisions"][0]["entry"] = document["computation"]
    assert "decisions" in failed(check(document))
    for stranger in ({"log": to_hex(BOB)}, {"index": 0}, {"index": None}):
        entries = [decision("a"), {**computation("a"), **stranger}]
        assert "computation" in failed(check(participation(entries, 1, [0])))


@pytest.mark.parametrize("commitment", [None, {}, {"size": 2}, {"size": -1, "root": to_hex(ANN)}, {"size": True}])
def test_a_decision_that_commits_to_no_cohort_fails(commitment):
    entries = [{**decision("a"), "facts": {"cohort": commitment}}, computation("a")]
    assert failed(check(participation(entries, 1, [0]))) == {"rows"}


def test_a_decision_that_commits_to_another_cohort_fails():
    entries = [{**decision("a"), "facts": {"cohort": {"size": 2, "root": to_hex(ANN)}}}, computation("a")]
    assert failed(check(participation(entries, 1, [0]))) == {"rows"}
