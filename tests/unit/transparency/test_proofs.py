"""A proof is accepted exactly when it is the right one: vectors of others, and every change by one bit."""

import base64
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import ProofInvalid
from ledger.transparency.hashing import EMPTY_ROOT, MAX_SIZE, leaf_hash, node_hash
from ledger.transparency.proofs import root_from_inclusion, verify_consistency, verify_inclusion
from ledger.transparency.tree import Tree

DATA = Path(os.environ.get("CONSENTRY_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data") / "merkle"
SIZES = st.integers(1, 140)


def vectors(kind):
    found = sorted((DATA / kind).rglob("*.json"))
    if not found:
        reason = f"no Merkle vectors under {DATA}: set CONSENTRY_TEST_DATA"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(path, id="/".join(path.parts[-2:])) for path in found]


def data_of(text):
    return base64.b64decode(text or "")


def holds(check, *arguments):
    try:
        check(*arguments)
    except ProofInvalid:
        return False
    return True


def grow(size):
    grown = Tree()
    grown.extend([leaf_hash(bytes([number])) for number in range(size)])
    return grown


TREE = grow(140)


def flipped(value, bit):
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("path", vectors("inclusion"))
def test_inclusion_vectors(path):
    vector = json.loads(path.read_text())
    proof = [data_of(part) for part in vector["proof"] or []]
    answer = holds(
        verify_inclusion,
        data_of(vector["leafHash"]),
        vector["leafIdx"],
        vector["treeSize"],
        proof,
        data_of(vector["root"]),
    )
    assert answer is not vector["wantErr"]


@pytest.mark.parametrize("path", vectors("consistency"))
def test_consistency_vectors(path):
    vector = json.loads(path.read_text())
    proof = [data_of(part) for part in vector["proof"] or []]
    roots = data_of(vector["root1"]), data_of(vector["root2"])
    assert holds(verify_consistency, vector["size1"], vector["size2"], *roots, proof) is not vector["wantErr"]


def test_every_honest_proof_up_to_70_holds():
    for size in range(1, 71):
        root = TREE.root(size)
        for index in range(size):
            leaf = leaf_hash(bytes([index]))
            verify_inclusion(leaf, index, size, TREE.inclusion_proof(index, size), root)
            verify_consistency(index + 1, size, TREE.root(index + 1), root, TREE.consistency_proof(index + 1, size))


@settings(deadline=None, max_examples=25)
@given(SIZES, st.data())
def test_every_single_bit_of_an_inclusion_proof_counts(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaf, root, proof = leaf_hash(bytes([index])), TREE.root(size), TREE.inclusion_proof(index, size)
    for bit in range(256):
        assert not holds(verify_inclusion, flipped(leaf, bit), index, size, proof, root)
        assert not holds(verify_inclusion, leaf, index, size, proof, flipped(root, bit))
        for place, part in enumerate(proof):
            changed = [*proof[:place], flipped(part, bit), *proof[place + 1 :]]
            assert not holds(verify_inclusion, leaf, index, size, changed, root)


@settings(deadline=None, max_examples=25)
@given(SIZES, st.data())
def test_every_single_bit_of_a_consistency_proof_counts(second, data):
    first = data.draw(st.integers(1, second))
    roots, proof = (TREE.root(first), TREE.root(second)), TREE.consistency_proof(first, second)
    for bit in range(256):
        assert not holds(verify_consistency, first, second, flipped(roots[0], bit), roots[1], proof)
        assert not holds(verify_consistency, first, second, roots[0], flipped(roots[1], bit), proof)
        for place, part in enumerate(proof):
            changed = [*proof[:place], flipped(part, bit), *proof[place + 1 :]]
            assert not holds(verify_consistency, first, second, *roots, changed)


@settings(deadline=None, max_examples=60)
@given(SIZES, st.data())
def test_a_proof_of_another_length_or_order_is_refused(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaf, root, proof = leaf_hash(bytes([index])), TREE.root(size), TREE.inclusion_proof(index, size)
    roots, steps = (TREE.root(index + 1), root), TREE.consistency_proof(index + 1, size)
    for extra in (leaf, root, EMPTY_ROOT):
        assert not holds(verify_inclusion, leaf, index, size, [*proof, extra], root)
        assert not holds(verify_inclusion, leaf, index, size, [extra, *proof], root)
        assert not holds(verify_consistency, index + 1, size, *roots, [*steps, extra])
        assert not holds(verify_consistency, index + 1, size, *roots, [extra, *steps])
    if proof:
        assert not holds(verify_inclusion, leaf, index, size, proof[:-1], root)
    if len(proof) > 1:
        assert not holds(verify_inclusion, leaf, index, size, proof[::-1], root)
    if steps:
        assert not holds(verify_consistency, index + 1, size, *roots, steps[1:])


def test_a_leaf_is_proved_at_its_own_index_alone():
    leaf, root, proof = leaf_hash(bytes([13])), TREE.root(70), TREE.inclusion_proof(13, 70)
    assert [index for index in range(-2, 75) if holds(verify_inclusion, leaf, index, 70, proof, root)] == [13]


def test_an_inner_node_does_not_pass_as_a_leaf_of_the_same_tree():
    inner = node_hash(leaf_hash(b"\x00"), leaf_hash(b"\x01"))
    assert not holds(verify_inclusion, inner, 0, 8, TREE.inclusion_proof(0, 8)[1:], TREE.root(8))


def test_a_fork_is_named():
    with pytest.raises(ProofInvalid, match="forked"):
        verify_consistency(5, 5, TREE.root(5), TREE.root(6), [])
    other = Tree()
    other.extend([leaf_hash(b"other")] * 9)
    with pytest.raises(ProofInvalid, match="does not contain the first tree"):
        verify_consistency(5, 9, TREE.root(5), other.root(), other.consistency_proof(5))
    with pytest.raises(ProofInvalid, match="does not lead to the root of the second tree"):
        verify_consistency(5, 9, TREE.root(5), other.root(), TREE.consistency_proof(5, 9))


@pytest.mark.parametrize("bad", [None, "x" * 32, b"", b"x" * 31, b"x" * 33, 7])
def test_a_malformed_argument_is_an_invalid_proof(bad):
    leaf, root, proof = leaf_hash(b"\x02"), TREE.root(5), TREE.inclusion_proof(2, 5)
    older, steps = TREE.root(3), TREE.consistency_proof(3, 5)
    for arguments in (
        (bad, 2, 5, proof, root),
        (leaf, 2, 5, [bad, *proof[1:]], root),
        (leaf, 2, 5, bad, root),
        (leaf, 2, 5, proof, bad),
    ):
        with pytest.raises(ProofInvalid):
            verify_inclusion(*arguments)
    for arguments in (
        (3, 5, bad, root, steps),
        (3, 5, older, bad, steps),
        (3, 5, older, root, [bad, *steps[1:]]),
        (3, 5, older, root, bad),
    ):
        with pytest.raises(ProofInvalid):
            verify_consistency(*arguments)


@pytest.mark.parametrize("number", [None, "2", 2.0, True, -1, 0, MAX_SIZE + 1])
def test_a_size_that_is_no_size_is_an_invalid_proof(number):
    with pytest.raises(ProofInvalid, match="size"):
        verify_inclusion(leaf_hash(b"\x00"), 0, number, [], TREE.root(1))
    with pytest.raises(ProofInvalid, match="size"):
        verify_consistency(number, 5, TREE.root(1), TREE.root(5), TREE.consistency_proof(1, 5))


def test_a_huge_tree_is_proved_in_63_steps():
    leaf = leaf_hash(b"x")
    assert len(root_from_inclusion(leaf, 0, MAX_SIZE, [leaf] * 63)) == 32
    with pytest.raises(ProofInvalid, match="by exactly 63"):
        root_from_inclusion(leaf, 0, MAX_SIZE, [leaf] * 64)
