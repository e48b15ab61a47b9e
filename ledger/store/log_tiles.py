"""The tree of a log, read a tile at a time and kept in memory: where roots and proofs get their nodes.

A proof takes two or three nodes of each tile on its way, and a log is asked for the same upper tiles again and again.
Nodes within a tile are not stored: they are hashed out of its 256 hashes when it is read.

Invariants:

- A node that is kept here was committed, and a complete node never changes: what is kept needs no look at the database.
- What checks a log for tampering does not read from here, but from the rows.

Source: https://c2sp.org/tlog-tiles
"""

import threading
from collections.abc import Sequence

from ledger.errors import NotFound
from ledger.store.log_rows import Ask, hashes_of, number_of
from ledger.transparency.edge import Place
from ledger.transparency.hashing import HASH_SIZE
from ledger.transparency.tiles import HEIGHT, levels_of

MOST_TILES = 4096
"""Lowest tiles kept, 16 kB each: the nodes of the last million entries or so that proofs were asked for."""

_Key = tuple[int, int, int]
_MASKS = [(1 << (HEIGHT - height)) - 1 for height in range(HEIGHT)]


class TileCache:
    """Tiles of all logs of a database. Thread-safe: each is replaced as a whole."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._numbers: dict[bytes, int] = {}
        self._low: dict[_Key, list[bytes]] = {}
        self._high: dict[_Key, list[bytes]] = {}
        self._guard = threading.Lock()

    def number(self, log: bytes) -> int | None:
        """As ``number_of``; the number of a log stays."""
        number = self._numbers.get(log)
        if number is None and (number := number_of(self._ask, log)) is not None:
            self._numbers[log] = number
        return number

    def fetch(self, number: int, places: Sequence[Place]) -> list[bytes]:
        """The hashes of complete nodes of a log, in the order of their places.

        Raises:
            NotFound: One is not complete.
        """
        found = []
        for level, position in places:
            tier, height = divmod(level, HEIGHT)
            key = (number, tier, position >> (HEIGHT - height))
            start = (position & _MASKS[height]) * HASH_SIZE
            tile = (self._high if tier else self._low).get(key)
            node = tile[height][start : start + HASH_SIZE] if tile else b""
            if not node:
                node = self._read(key)[height][start : start + HASH_SIZE]
                if not node:
                    raise NotFound(f"tree node {level}/{position} is not complete; ask for a size that the log has")
            found.append(node)
        return found

    def _read(self, key: _Key) -> list[bytes]:
        tile = levels_of(hashes_of(self._ask, *key))
        with self._guard:
            if key[1]:
                self._high[key] = tile
                return tile
            if key not in self._low and len(self._low) >= MOST_TILES:
                del self._low[next(iter(self._low))]
            self._low[key] = tile
        return tile


class LogNodes:
    """The nodes of one log's tree (``transparency.tree.NodeReader``)."""

    def __init__(self, cache: TileCache, log: bytes) -> None:
        self._cache = cache
        self._log = log

    def fetch(self, places: Sequence[Place]) -> list[bytes]:
        """As ``NodeReader.fetch``."""
        number = self._cache.number(self._log)
        if number is None:
            if not places:
                return []
            raise NotFound(f"log 0x{self._log.hex()} has no entries")
        return self._cache.fetch(number, places)


def nodes_in(ask: Ask, number: int, places: Sequence[Place]) -> list[bytes]:
    """As ``TileCache.fetch``, from the rows as a transaction sees them; nothing of it is kept."""
    return TileCache(ask).fetch(number, places)
