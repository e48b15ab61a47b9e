"""Proof files: one form, and no word of theirs believed."""

import pytest

from ledger.errors import CannotCheck, ProofInvalid
from ledger.transparency.checkpoint import Checkpoint, write_checkpoint
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.tlog_proof import TlogProof
from ledger.transparency.tree import Tree

ENTRIES = [b"entry %d" % number for number in range(11)]


@pytest.fixture
def tree():
    tree = Tree()
    tree.extend(list(map(leaf_hash, ENTRIES)))
    return tree


@pytest.fixture
def proof(tree, log, note_signer):
    note = write_checkpoint(Checkpoint(log, 11, tree.root()), [note_signer])
    return TlogProof(6, tuple(tree.inclusion_proof(6)), note)


def test_the_file_has_the_form_of_the_standard(proof, log):
    lines = str(proof).split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 6"]
    assert lines[2 + len(proof.path) :][:3] == ["", f"consentry/{log.hex()}", "11"]
    assert TlogProof.parse(str(proof)) == proof


def test_the_entry_is_proved(proof, log, note_signer):
    assert TlogProof.parse(str(proof)).verify(ENTRIES[6], [note_signer.verifier], log).size == 11


def test_extra_bytes_are_carried_and_prove_nothing(proof, log, note_signer):
    other = TlogProof(proof.index, proof.path, proof.note, b"from elsewhere")
    assert str(other).split("\n")[1].startswith("extra ")
    assert TlogProof.parse(str(other)) == other
    other.verify(ENTRIES[6], [note_signer.verifier], log)


def test_a_head_without_neighbours_has_no_path(log, note_signer):
    tree = Tree()
    tree.append(leaf_hash(b"alone"))
    proof = TlogProof(0, (), write_checkpoint(Checkpoint(log, 1, tree.root()), [note_signer]))
    TlogProof.parse(str(proof)).verify(b"alone", [note_signer.verifier], log)


def test_another_entry_index_log_or_key_is_refused(proof, log, note_signer, stranger):
    keys = [note_signer.verifier]
    with pytest.raises(ProofInvalid):
        proof.verify(ENTRIES[5], keys, log)
    with pytest.raises(ProofInvalid):
        TlogProof(7, proof.path, proof.note).verify(ENTRIES[6], keys, log)
    with pytest.raises(ProofInvalid):
        proof.verify(ENTRIES[6], keys, bytes(32))
    with pytest.raises(ProofInvalid):
        proof.verify(ENTRIES[6], [type(note_signer)(note_signer.name, stranger).verifier], log)
    with pytest.raises(CannotCheck):
        proof.verify(ENTRIES[6], [], log)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("@v1", "@v2"),
        lambda text: text.replace("index 6", "index 06"),
        lambda text: text.replace("index 6", "index -6"),
        lambda text: text.replace("index 6\n", ""),
        lambda text: text.replace("index 6\n", "index 6\nAAAA\n"),
        lambda text: text.replace("\nindex", "\nextra ??\nindex"),
        lambda text: text.replace("\n\n", "\n", 1).replace("\n\n", "\n"),
        lambda text: text + "x" * (1 << 17),
        lambda _: "",
    ],
)
def test_another_form_is_refused(proof, change):
    with pytest.raises(ProofInvalid):
        TlogProof.parse(change(str(proof)))
