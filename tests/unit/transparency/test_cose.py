"""COSE receipts: the bytes of RFC 9942, and no byte that can be changed unseen."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import CannotCheck, ProofInvalid
from ledger.transparency.cose import FIRST_BYTE, CoseReceipt, issue
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.note import NoteSigner
from ledger.transparency.tree import Tree

ENTRIES = [b"entry %d" % number for number in range(11)]


@pytest.fixture
def tree():
    tree = Tree()
    tree.extend(list(map(leaf_hash, ENTRIES)))
    return tree


@pytest.fixture
def receipt(tree, note_signer):
    return issue(note_signer, 11, 6, tree.inclusion_proof(6), tree.root())


def test_the_bytes_are_those_of_the_standard(receipt, tree, note_signer):
    data = receipt.encode()
    assert data[:1] == FIRST_BYTE
    tagged = cbor2.loads(data)
    protected, unprotected, payload, signature = tagged.value
    assert tagged.tag == 18
    assert cbor2.loads(protected) == {1: -8, 4: note_signer.verifier.key_id, 395: 1}
    ((proof,),) = (unprotected[396][-1],)
    assert cbor2.loads(proof) == [11, 6, tree.inclusion_proof(6)]
    assert payload is None
    structure = cbor2.dumps(["Signature1", protected, b"", tree.root()])
    note_signer.private.public_key().verify(signature, structure)


def test_every_entry_is_proved_and_no_other(tree, note_signer):
    for index, entry in enumerate(ENTRIES):
        data = issue(note_signer, 11, index, tree.inclusion_proof(index), tree.root()).encode()
        receipt = CoseReceipt.decode(data)
        assert receipt.verify(entry, [note_signer.verifier]) == note_signer.verifier
        with pytest.raises(ProofInvalid):
            receipt.verify(ENTRIES[index - 1], [note_signer.verifier])


def test_one_entry_alone_has_no_path(note_signer):
    tree = Tree()
    tree.append(leaf_hash(b"alone"))
    data = issue(note_signer, 1, 0, [], tree.root()).encode()
    CoseReceipt.decode(data).verify(b"alone", [note_signer.verifier])


def test_another_key_does_not_count(receipt, note_signer, stranger):
    other = NoteSigner(note_signer.name, stranger).verifier
    with pytest.raises(ProofInvalid, match="none of those"):
        receipt.verify(ENTRIES[6], [other])
    receipt.verify(ENTRIES[6], [other, note_signer.verifier])
    with pytest.raises(CannotCheck):
        receipt.verify(ENTRIES[6], [])


@given(st.data())
def test_no_changed_byte_passes(data):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signer = NoteSigner("consentry/test", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
    tree = Tree()
    tree.extend(list(map(leaf_hash, ENTRIES)))
    encoded = bytearray(issue(signer, 11, 6, tree.inclusion_proof(6), tree.root()).encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProofInvalid):
        CoseReceipt.decode(bytes(encoded)).verify(ENTRIES[6], [signer.verifier])


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: [*parts, b"more"],
        lambda parts: [parts[0], parts[1], b"a root", parts[3]],
        lambda parts: [parts[0], {**parts[1], 99: 1}, None, parts[3]],
        lambda parts: [parts[0], {}, None, parts[3]],
        lambda parts: [parts[0], {396: {-1: []}}, None, parts[3]],
        lambda parts: [parts[0], {396: {-1: [cbor2.dumps([11, "6", []])]}}, None, parts[3]],
        lambda parts: [parts[0], {396: {-1: [cbor2.dumps([True, 0, []])]}}, None, parts[3]],
        lambda parts: [cbor2.dumps({1: -7, 4: b"1234", 395: 1}), parts[1], None, parts[3]],
        lambda parts: [cbor2.dumps({1: -8, 4: b"1234", 395: 2}), parts[1], None, parts[3]],
        lambda parts: [b"", parts[1], None, parts[3]],
        lambda _: 7,
    ],
)
def test_another_shape_is_refused(receipt, change):
    tagged = cbor2.loads(receipt.encode())
    with pytest.raises(ProofInvalid):
        CoseReceipt.decode(cbor2.dumps(cbor2.CBORTag(18, change(tagged.value)), canonical=True))


@pytest.mark.parametrize(
    "data", [b"", b"\xd2", b"\xff", b"\x80", b"\xd2" + b"\x9f" * 20_000, b"\xd2\x84\x40\xa0\xf6\x40\x00"]
)
def test_what_is_no_cbor_is_refused(data):
    with pytest.raises(ProofInvalid):
        CoseReceipt.decode(data)
