"""Tiles: a log's tree in pieces of 256 hashes, as C2SP tlog-tiles names and orders them.

Invariants: a tile holds complete subtrees alone, so it never changes once its width is reached; hash ``i`` of tile
``n`` at level ``l`` is the node at level ``8 l`` and position ``256 n + i``.

Source: https://c2sp.org/tlog-tiles
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from ledger.errors import InvalidInput, NotFound
from ledger.transparency.edge import Place
from ledger.transparency.hashing import HASH_SIZE
from ledger.transparency.tree import NodeReader

WIDTH = 256
HEIGHT = 8
HIGHEST = 7
"""The highest level: a tree of 2^63 leaves has tiles at levels 0 to 7."""
MOST_ENTRY_BYTES = 0xFFFF
"""The longest entry that an entry bundle can hold."""

_GROUPS = re.compile(r"(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/[1-9][0-9]{0,2})?")


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile: its place among those of its level, and how many of its hashes (or entries) there are.

    Attributes:
        index: From the left, from 0.
        width: 1 to 256; less than 256: a partial tile.
    """

    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The path behind the level: ``x001/x234/067``, and ``.p/5`` for a partial tile of 5."""
        digits = f"{self.index:d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        text = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        return text if self.width == WIDTH else f"{text}.p/{self.width}"

    @classmethod
    def parse(cls, path: str) -> "Tile":
        """The tile that a path names.

        Raises:
            InvalidInput: It is not the one path of any tile.
        """
        if len(path) > 64 or not _GROUPS.fullmatch(path):
            raise InvalidInput("that is no tile: its path is like x001/x234/067, with .p/5 behind it if it is partial")
        number, _, width = path.partition(".p/")
        tile = cls(int(re.sub("[x/]", "", number)), int(width or WIDTH))
        if tile.path != path:
            raise InvalidInput(f"that tile is called {tile.path}, or its width is not from 1 to {WIDTH - 1}")
        return tile

    def span(self) -> range:
        """Positions of its hashes or entries within their level."""
        return range(self.index * WIDTH, self.index * WIDTH + self.width)


def tiles_of(size: int, level: int = 0) -> list[Tile]:
    """The tiles of a level that a tree of ``size`` leaves has, the last one partial where it is."""
    full, rest = divmod(size >> (HEIGHT * level), WIDTH)
    return [Tile(index) for index in range(full)] + ([Tile(full, rest)] if rest else [])


def levels_of(hashes: bytes) -> list[bytes]:
    """The nodes within a tile: of each of its 8 levels, from the lowest, the complete ones side by side.

    Args:
        hashes: The hashes of the tile, 32 bytes each, 256 at most.
    """
    levels = [hashes]
    for _ in range(HEIGHT - 1):
        below = levels[-1]
        pairs = range(0, len(below) - HASH_SIZE, 2 * HASH_SIZE)
        levels.append(b"".join([sha256(b"\x01" + below[at : at + 2 * HASH_SIZE]).digest() for at in pairs]))
    return levels


def hash_tile(nodes: NodeReader, size: int, level: int, tile: Tile) -> bytes:
    """The hashes of a tile, 32 bytes each, from left to right.

    Args:
        nodes: The nodes of the tree.
        size: Its leaves.
        level: 0 to 7.
        tile: Which one.

    Raises:
        NotFound: The tree has not grown that far.
    """
    if not 0 <= level <= HIGHEST or tile.span().stop > size >> (HEIGHT * level):
        raise NotFound(f"the log has {size} entries, and no such tile at level {level} yet")
    return b"".join(nodes.fetch([Place(HEIGHT * level, position) for position in tile.span()]))


def entry_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries as an entry bundle carries them: each behind its length in 2 bytes, big-endian.

    Raises:
        InvalidInput: An entry is longer than a bundle can hold.
    """
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MOST_ENTRY_BYTES:
            raise InvalidInput(f"an entry of {len(entry)} bytes does not fit an entry bundle ({MOST_ENTRY_BYTES})")
        parts += (len(entry).to_bytes(2), entry)
    return b"".join(parts)
