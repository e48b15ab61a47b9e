"""Proof files of one entry: what the entry says of its place is believed only where the proof says the same."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.domain.identifiers import to_hex
from ledger.transparency import canonical
from ledger.transparency.checkpoint import Checkpoint, origin_of, write_checkpoint
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.note import NoteSigner
from ledger.transparency.tlog_proof import TlogProof
from ledger.transparency.tree import Tree
from ledger.verify.inclusion import verify_tlog_proof
from ledger.verify.report import Status

LOG = bytes(range(32))
SIGNER = NoteSigner(origin_of(LOG), Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))


def report(entry: bytes, place: int = 1):
    tree = Tree()
    tree.extend([leaf_hash(entry if index == place else b"other") for index in range(3)])
    note = write_checkpoint(Checkpoint(LOG, 3, tree.root()), [SIGNER])
    proof = TlogProof(place, tuple(tree.inclusion_proof(place)), note)
    return verify_tlog_proof(str(proof), entry, [SIGNER.verifier])


def entry(**fields):
    return canonical.encode({"index": 1, "log": to_hex(LOG), "kind": "decision", "time": 7, **fields})


def test_an_entry_at_its_place_passes():
    found = report(entry())
    assert found.verdict is Status.PASS
    assert found.check("place").detail == "decision at 7"


@pytest.mark.parametrize(
    "stranger",
    [
        entry(index=2),
        entry(index=None),
        entry(index=True),
        entry(log=to_hex(bytes(32))),
        entry() + b" ",
        b"[]",
        b"words",
    ],
)
def test_an_entry_that_was_logged_at_another_place_than_it_says_fails(stranger):
    found = report(stranger)
    assert found.check("inclusion").status is Status.PASS
    assert found.check("place").status is Status.FAIL


def test_a_proof_for_another_entry_fails():
    tree = Tree()
    tree.extend([leaf_hash(entry()), leaf_hash(b"other")])
    note = write_checkpoint(Checkpoint(LOG, 2, tree.root()), [SIGNER])
    proof = TlogProof(1, tuple(tree.inclusion_proof(1)), note)
    assert verify_tlog_proof(str(proof), entry(), [SIGNER.verifier]).check("inclusion").status is Status.FAIL
