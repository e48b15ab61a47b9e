"""Tiles: the names and the order of C2SP tlog-tiles, and a root that can be had from them alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidInput, NotFound
from ledger.transparency.hashing import leaf_hash, node_hash
from ledger.transparency.tiles import MOST_ENTRY_BYTES, Tile, entry_bundle, hash_tile, tiles_of
from ledger.transparency.tree import MemoryNodes, Tree


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0), "000"),
        (Tile(67, 5), "067.p/5"),
        (Tile(1234067), "x001/x234/067"),
        (Tile(999, 255), "999.p/255"),
        (Tile(1000), "x001/000"),
    ],
)
def test_a_tile_has_the_path_of_the_standard(tile, path):
    assert tile.path == path
    assert Tile.parse(path) == tile


@given(st.integers(0, 1 << 55), st.integers(1, 256))
def test_every_path_is_read_as_its_tile(index, width):
    assert Tile.parse(Tile(index, width).path) == Tile(index, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0",
        "1",
        "0000",
        "x000/001",
        "000/001",
        "001.p/0",
        "001.p/256",
        "001.p/01",
        "001.p/",
        "../000",
        "x001/",
        "\u0660\u0660\u0660",
    ],
)
def test_another_spelling_names_no_tile(path):
    with pytest.raises(InvalidInput):
        Tile.parse(path)


def test_tiles_cover_a_tree_once():
    tiles = tiles_of(600)
    assert tiles == [Tile(0), Tile(1), Tile(2, 88)]
    assert [place for tile in tiles for place in tile.span()] == list(range(600))
    assert tiles_of(600, 1) == [Tile(0, 2)]
    assert tiles_of(0) == [] == tiles_of(255, 1)


def test_the_root_can_be_computed_from_tiles():
    nodes = MemoryNodes()
    tree = Tree(nodes)
    leaves = [leaf_hash(b"%d" % number) for number in range(512)]
    tree.extend(leaves)
    assert hash_tile(nodes, 512, 0, Tile(1)) == b"".join(leaves[256:])
    top = hash_tile(nodes, 512, 1, Tile(0, 2))
    assert node_hash(top[:32], top[32:]) == tree.root()


@pytest.mark.parametrize(
    ("level", "tile"), [(0, Tile(2, 89)), (0, Tile(3, 1)), (1, Tile(0, 3)), (8, Tile(0, 1)), (-1, Tile(0, 1))]
)
def test_a_tile_that_is_not_whole_is_not_given(level, tile):
    nodes = MemoryNodes()
    Tree(nodes).extend([leaf_hash(b"%d" % number) for number in range(600)])
    with pytest.raises(NotFound):
        hash_tile(nodes, 600, level, tile)


def test_entries_stand_behind_their_lengths():
    assert entry_bundle([b"abc", b""]) == b"\x00\x03abc\x00\x00"
    assert len(entry_bundle([bytes(MOST_ENTRY_BYTES)])) == 2 + MOST_ENTRY_BYTES
    with pytest.raises(InvalidInput, match="65536"):
        entry_bundle([bytes(MOST_ENTRY_BYTES + 1)])
