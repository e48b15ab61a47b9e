"""Partial tries, with the ``trie`` library as the oracle."""

import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st
from rlp import encode
from trie import HexaryTrie

from ledger.errors import ProofInvalid
from ledger.verify.mpt import EMPTY_TRIE, read_trie

values = st.dictionaries(
    st.binary(min_size=1, max_size=4), st.binary(min_size=1, max_size=80), min_size=1, max_size=24
).filter(lambda found: not any(a != b and b.startswith(a) for a in found for b in found))


def built(content):
    nodes = {}
    trie = HexaryTrie(nodes, prune=True)
    for key, value in content.items():
        trie[key] = value
    return trie, list(nodes.values())


@given(values)
def test_all_nodes_show_all_leaves_and_nothing_else(content):
    trie, nodes = built(content)
    reading = read_trie(trie.root_hash, nodes)
    assert reading.leaves == content
    assert reading.complete


@given(values, st.data())
def test_a_proof_of_some_keys_shows_those_and_is_complete_only_if_it_shows_all(content, data):
    trie, nodes = built(content)
    chosen = data.draw(st.lists(st.sampled_from(sorted(content)), min_size=1, unique=True))
    proof = {encode(node): None for key in chosen for node in trie.get_proof(key)}
    given_nodes = [node for node in proof if node in nodes]
    reading = read_trie(trie.root_hash, given_nodes)
    assert reading.leaves.items() <= content.items()
    assert set(chosen) <= set(reading.leaves)
    assert reading.complete == (reading.leaves == content)


@given(values, st.data())
def test_a_changed_node_is_seen(content, data):
    trie, nodes = built(content)
    which = data.draw(st.integers(0, len(nodes) - 1))
    place = data.draw(st.integers(0, len(nodes[which]) - 1))
    bad = bytearray(nodes[which])
    bad[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProofInvalid):
        read_trie(trie.root_hash, [*nodes[:which], bytes(bad), *nodes[which + 1 :]])


def test_a_node_that_is_no_part_of_the_trie_is_refused():
    trie, nodes = built({b"\x80": b"x" * 40})
    with pytest.raises(ProofInvalid, match="not part"):
        read_trie(trie.root_hash, [*nodes, encode([b"\x20", b"y" * 40])])


def test_a_node_given_twice_is_refused():
    trie, nodes = built({b"\x80": b"x" * 40})
    with pytest.raises(ProofInvalid, match="twice"):
        read_trie(trie.root_hash, nodes * 2)


def test_without_nodes_only_the_empty_trie_is_complete():
    assert read_trie(EMPTY_TRIE, []).complete
    reading = read_trie(b"\x01" * 32, [])
    assert not reading.complete
    assert not reading.leaves


@pytest.mark.parametrize(
    "node",
    [
        encode(b"a string, not a list, of more than 32 bytes"),
        encode([b"\x20", b"v" * 40, b"third"]),
        encode([b"\x40", b"v" * 40]),
        encode([b"", b"v" * 40]),
        encode([b"\x21", b"v" * 40]),
        encode([b"\x20" + b"\x11" * 40, b"v" * 40]),
        encode([b"\x20", [b"a list where a value should be"]]),
        encode([b"\x00\x11", b"too short for a reference"]),
        encode([b"\x20", b"v" * 40]) + b"\x00",
        b"\xf8\x05\x20\x83abc",
        b"",
    ],
)
def test_malformed_nodes_are_refused(node):
    with pytest.raises(ProofInvalid):
        read_trie(keccak(node), [node])
