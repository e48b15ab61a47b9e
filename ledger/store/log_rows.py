"""The rows of a log: its number, its size, its entries and the tiles of its tree.

All of it is asked past SQLAlchemy, in a few statements that both databases understand.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from ledger.domain.audit import StoredEntry
from ledger.transparency.tiles import WIDTH

Ask: TypeAlias = Callable[[str, Sequence[Any]], Sequence[tuple[Any, ...]]]
"""Asks one question of the database: ``Database.ask``, or a writer inside its transaction."""

UNKEYED_COLUMNS: Final = ("log", "index", "canonical", "leaf", "decision")
"""What is said of an entry that is not the first of an append."""
ENTRY_COLUMNS: Final = (*UNKEYED_COLUMNS, "key", "count")
TILE_COLUMNS: Final = ("log", "level", "index", "root", "hashes")
ENTRY_FIELDS: Final = 'e."index", e.canonical, e.leaf, e.key, e.count, e.decision'
"""What ``entry_of`` reads, in its order."""
ENTRIES: Final = (
    f'SELECT {ENTRY_FIELDS} FROM audit_entry e WHERE e.log = ? AND e."index" >= ? AND e."index" < ? '  # noqa: S608
    'ORDER BY e."index"'
)
"""The entries of a log from an index to below another."""
ROWS: Final = f"{ENTRIES} LIMIT ?"
CHUNK = 400
"""Values of one list in a question; databases bound them."""

_NUMBER = "SELECT number FROM audit_log WHERE log = ?"
_LAST = 'SELECT max("index") FROM audit_entry WHERE log = ?'
_TILE = 'SELECT hashes FROM tree_tile WHERE log = ? AND level = ? AND "index" = ?'
_LEAVES = 'SELECT "index", leaf FROM audit_entry WHERE log = ? AND "index" >= ? AND "index" < ? ORDER BY "index"'
_ROOTS = (
    'SELECT "index", root FROM tree_tile WHERE log = ? AND level = ? AND "index" >= ? AND "index" < ? ORDER BY "index"'
)


def number_of(ask: Ask, log: bytes) -> int | None:
    """The number that stands for a log; None for one that is not there."""
    rows = ask(_NUMBER, (log,))
    return rows[0][0] if rows else None


def size_of(ask: Ask, number: int) -> int:
    """Entries in a log."""
    last = ask(_LAST, (number,))[0][0]
    return 0 if last is None else int(last) + 1


def hashes_of(ask: Ask, number: int, level: int, index: int) -> bytes:
    """The hashes of a tile, 32 bytes each, as many as there are without a gap.

    A tile that is not full has no row yet: its hashes are the leaves of entries, or the roots of the tiles below it.
    """
    rows = ask(_TILE, (number, level, index))
    if rows:
        return bytes(rows[0][0])
    first = index * WIDTH
    found = (
        ask(_ROOTS, (number, level - 1, first, first + WIDTH))
        if level
        else ask(_LEAVES, (number, first, first + WIDTH))
    )
    return b"".join([digest for place, (at, digest) in enumerate(found, first) if at == place])


def entry_of(log: bytes, row: Sequence[Any]) -> StoredEntry:
    """The entry of a row that starts with ``ENTRY_FIELDS``."""
    index, canonical, leaf, key, count, decision = row[:6]
    return StoredEntry(log, index, canonical, leaf, key or "", count or 1, decision)
