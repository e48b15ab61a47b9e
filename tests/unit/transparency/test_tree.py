"""The tree against a direct reading of RFC 9162 sections 2.1.1, 2.1.3.1 and 2.1.4.1."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidInput, NotFound
from ledger.transparency import edge
from ledger.transparency.edge import Edge, Place, Run, peaks_of, root_within
from ledger.transparency.hashing import EMPTY_ROOT, MAX_SIZE, leaf_hash, node_hash
from ledger.transparency.tree import (
    MemoryNodes,
    Tree,
    consistency_proof,
    edge_at,
    inclusion_proof,
    root_at,
    root_of,
)

LEAVES = [leaf_hash(number.to_bytes(2, "big")) for number in range(300)]


def split(count):
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def mth(leaves):
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(index, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), mth(leaves[k:])]
    return [*path(index - k, leaves[k:]), mth(leaves[:k])]


def subproof(first, leaves, whole):
    if first == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if first <= k:
        return [*subproof(first, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(first - k, leaves[k:], False), mth(leaves[:k])]


@pytest.fixture(scope="module")
def tree():
    grown = Tree()
    grown.extend(LEAVES)
    return grown


def test_hashes_are_those_of_the_standard():
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(b"l" * 32, b"r" * 32) == sha256(b"\x01" + b"l" * 32 + b"r" * 32).digest()


def test_every_size_up_to_300_has_the_reference_root(tree):
    for size in range(len(LEAVES) + 1):
        assert tree.root(size) == root_of(LEAVES[:size]) == mth(LEAVES[:size])


def test_every_proof_up_to_40_is_the_reference_proof(tree):
    for size in range(1, 41):
        for index in range(size):
            assert tree.inclusion_proof(index, size) == path(index, LEAVES[:size])
        for first in range(1, size + 1):
            assert tree.consistency_proof(first, size) == subproof(first, LEAVES[:size], True)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_proof_of_any_size_is_the_reference_proof(data):
    tree = Tree()
    tree.extend(LEAVES)
    size = data.draw(st.integers(1, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))
    assert tree.inclusion_proof(index, size) == path(index, LEAVES[:size])
    assert tree.consistency_proof(index + 1, size) == subproof(index + 1, LEAVES[:size], True)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 40), max_size=8))
def test_batches_and_single_appends_complete_the_same_nodes(batches):
    by_batch, one_by_one = MemoryNodes(), MemoryNodes()
    edge, single, size = Edge(), Edge(), 0
    for count in batches:
        leaves = LEAVES[size : size + count]
        size += len(leaves)
        edge, runs = edge.extend(leaves)
        by_batch.extend(runs)
        for leaf in leaves:
            single, runs = single.append(leaf)
            one_by_one.extend(runs)
    assert edge == single
    assert by_batch._levels == one_by_one._levels
    assert edge.root() == mth(LEAVES[:size])
    assert edge_at(by_batch, size) == edge


def test_nodes_are_written_once_and_only_when_complete():
    seen = {}
    edge = Edge()
    for leaf in LEAVES:
        edge, runs = edge.append(leaf)
        for level, first, hashes in runs:
            for position, value in enumerate(hashes, first):
                assert (level, position) not in seen
                assert value == mth(LEAVES[position << level : (position + 1) << level])
                assert (position + 1) << level <= edge.size
                seen[level, position] = value
    assert len(seen) == sum(len(LEAVES) >> level for level in range(9))


def test_a_failed_write_leaves_the_tree_as_it_was():
    class Full(MemoryNodes):
        def extend(self, runs):
            raise OSError(f"no room for {len(runs)} runs")

    nodes = Full()
    tree = Tree(nodes)
    with pytest.raises(OSError, match="no room"):
        tree.append(LEAVES[0])
    assert tree.size == 0
    assert tree.root() == EMPTY_ROOT


def test_a_tree_goes_on_from_its_stored_nodes():
    nodes = MemoryNodes()
    Tree(nodes).extend(LEAVES[:77])
    again = Tree(nodes, size=77)
    assert again.append(LEAVES[77]) == 77
    assert again.root() == mth(LEAVES[:78])


def test_a_proof_asks_once_for_few_nodes():
    class Counting(MemoryNodes):
        def __init__(self):
            super().__init__()
            self.asked = []

        def fetch(self, places):
            self.asked.append(len(places))
            return super().fetch(places)

    nodes = Counting()
    edge, runs = Edge().extend(LEAVES)
    nodes.extend(runs)
    for ask in (inclusion_proof, consistency_proof):
        nodes.asked.clear()
        ask(nodes, 133, edge.size)
        assert len(nodes.asked) == 1
        assert nodes.asked[0] <= 2 * edge.size.bit_length()


def test_consistency_with_the_empty_tree_and_itself_needs_nothing(tree):
    assert tree.consistency_proof(0, 9) == []
    assert tree.consistency_proof(9, 9) == []
    assert tree.consistency_proof(0, 0) == []


@pytest.mark.parametrize(("index", "size"), [(5, 5), (6, 5), (-1, 5), (0, 0)])
def test_an_index_outside_the_tree_is_refused(tree, index, size):
    with pytest.raises(InvalidInput, match="is not in a tree"):
        tree.inclusion_proof(index, size)


@pytest.mark.parametrize(("first", "second"), [(6, 5), (-1, 5)])
def test_sizes_in_the_wrong_order_are_refused(tree, first, second):
    with pytest.raises(InvalidInput, match="cannot extend"):
        tree.consistency_proof(first, second)


def test_a_size_not_reached_is_not_found(tree):
    for ask in (lambda: tree.root(301), lambda: tree.inclusion_proof(0, 301), lambda: tree.consistency_proof(7, 301)):
        with pytest.raises(NotFound):
            ask()


@pytest.mark.parametrize("leaf", [b"", b"x" * 31, b"x" * 33, "x" * 32])
def test_a_leaf_that_is_no_hash_is_refused_and_nothing_added(leaf):
    tree = Tree()
    with pytest.raises(InvalidInput, match="leaf hash is 32 bytes"):
        tree.append(leaf)
    with pytest.raises(InvalidInput, match="leaf hash is 32 bytes"):
        tree.extend([LEAVES[0], leaf])
    assert tree.size == 0


@pytest.mark.parametrize(
    ("size", "peaks"),
    [(1, ()), (0, (LEAVES[0],)), (2, (LEAVES[0], LEAVES[1])), (1, (b"short",)), (-1, ()), (MAX_SIZE + 1, (LEAVES[0],))],
)
def test_an_edge_that_fits_no_tree_is_refused(size, peaks):
    with pytest.raises(InvalidInput):
        Edge(size, peaks)


def test_nodes_with_a_gap_or_an_overlap_are_refused():
    nodes = MemoryNodes()
    nodes.extend([Run(0, 0, LEAVES[:2])])
    for first in (1, 3):
        with pytest.raises(InvalidInput, match="append in order"):
            nodes.extend([Run(0, first, LEAVES[2:3])])
    with pytest.raises(InvalidInput):
        root_at(nodes, -1)


def test_peaks_are_the_bits_of_the_size():
    assert peaks_of(0, 0) == []
    assert peaks_of(0, 13) == [Place(3, 0), Place(2, 2), Place(0, 12)]
    assert peaks_of(8, 13) == [Place(2, 2), Place(0, 12)]


# --- the tree of an append of its own ---------------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 600), st.integers(0, 20), st.integers(1, 300), st.integers(0, 20))
def test_the_root_of_part_of_the_new_leaves_is_that_of_a_tree_of_their_own(before, skipped, count, behind):
    leaves = [leaf_hash(place.to_bytes(4)) for place in range(before + skipped + count + behind)]
    _, runs = Edge().extend(leaves[:before])[0].extend(leaves[before:])
    first = before + skipped
    assert root_within(runs, first, count) == root_of(leaves[first : first + count])


def test_a_root_of_aligned_leaves_hashes_only_what_no_larger_tree_holds(monkeypatch):
    """A batch of 1,000 behind others of 1,000 shares all subtrees of 8."""
    leaves = [leaf_hash(place.to_bytes(4)) for place in range(2000)]
    _, runs = Edge().extend(leaves[:1000])[0].extend(leaves[1000:])
    expected = root_of(leaves[1000:])
    hashed = []
    pair_up = edge.pair_up
    monkeypatch.setattr(edge, "pair_up", lambda row: hashed.append(len(row) // 2) or pair_up(row))
    assert root_within(runs, 1000, 1000) == expected
    assert sum(hashed) == 124
