"""The rows of a log: its number, its size, its entries and the nodes of its tree.

A tree node of level 0 is an entry's leaf; it is not kept twice.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from ledger.domain.audit import StoredEntry
from ledger.errors import NotFound
from ledger.store import tables
from ledger.store.database import Database, driver_cursor
from ledger.store.tables.base import table_of
from ledger.transparency.edge import Place

_LOG = table_of(tables.AuditLog)
_ENTRY = table_of(tables.AuditEntry)
_NODE = table_of(tables.TreeNode)
_NODE_AT = f'SELECT hash FROM {_NODE.name} WHERE log = ? AND level = ? AND "index" = ?'  # noqa: S608 - our own names
ENTRY_FIELDS = [_ENTRY.c[name] for name in ("index", "canonical", "leaf", "key")]
"""What ``entry_of`` reads, in its order."""
CHUNK = 400
"""Values of one list in a question; databases bound them."""


class SqlNodes:
    """A log's tree nodes, one question a proof (``transparency.tree.NodeReader``)."""

    def __init__(self, database: Database, log: bytes) -> None:
        self._database = database
        self._log = log

    def fetch(self, places: Sequence[Place]) -> list[bytes]:
        """As ``NodeReader.fetch``."""
        if not places:
            return []
        with self._database.reading() as connection:
            number = number_of(connection, self._log)
            if number is None:
                raise NotFound(f"log 0x{self._log.hex()} has no entries")
            return fetch_nodes(connection, number, places)


def number_of(connection: Connection, log: bytes) -> int | None:
    """The number that stands for a log; None for one that is not there."""
    return connection.execute(select(_LOG.c.number).where(_LOG.c.log == log)).scalar()


def size_of(connection: Connection, number: int) -> int:
    """Entries in a log."""
    last = connection.execute(select(func.max(_ENTRY.c.index)).where(_ENTRY.c.log == number)).scalar()
    return 0 if last is None else int(last) + 1


def fetch_nodes(connection: Connection, number: int, places: Sequence[Place]) -> list[bytes]:
    """The hashes of complete nodes, in the order of their places.

    Raises:
        NotFound: One is not complete.
    """
    found: dict[tuple[int, int], bytes] = {}
    for start in range(0, len(places), CHUNK):
        part = places[start : start + CHUNK]
        leaves = [position for level, position in part if level == 0]
        if leaves:
            rows = select(_ENTRY.c.index, _ENTRY.c.leaf).where(_ENTRY.c.log == number, _ENTRY.c.index.in_(leaves))
            found.update({(0, index): leaf for index, leaf in connection.execute(rows)})
        higher = [(level, position) for level, position in part if level]
        if higher and connection.dialect.name == "sqlite":
            found.update(_each_node(connection, number, higher))
        elif higher:
            chosen = tuple_(_NODE.c.level, _NODE.c.index).in_(higher)
            rows = select(_NODE.c.level, _NODE.c.index, _NODE.c.hash).where(_NODE.c.log == number, chosen)
            found.update({(row[0], row[1]): row[2] for row in connection.execute(rows)})
    try:
        return [found[level, position] for level, position in places]
    except KeyError as missing:
        level, position = missing.args[0]
        raise NotFound(f"tree node {level}/{position} is not complete; ask for a size that the log has") from None


def _each_node(
    connection: Connection, number: int, places: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Nodes one by one: SQLite answers a list of row values with a scan of the whole log, and asking costs nothing."""
    with driver_cursor(connection) as cursor:
        for place in places:
            row = cursor.execute(_NODE_AT, (number, *place)).fetchone()
            if row is not None:
                yield place, row[0]


def entry_of(log: bytes, row: Sequence[Any]) -> StoredEntry:
    """The entry of a row that starts with ``ENTRY_FIELDS``."""
    index, canonical, leaf, key = row[:4]
    return StoredEntry(log, index, canonical, leaf, key or "")
