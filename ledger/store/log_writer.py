"""Writing to one log: ``ports.LogWriter`` inside a transaction.

Invariants:

- A log is written by one writer at a time, and densely: entry n is written when n entries are there.
- An idempotency key stands once in a log; a size has one root for ever.
"""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, and_, insert, select

from ledger.domain.audit import Checkpointed, DecisionRecord, Member, StoredEntry
from ledger.errors import Conflict, InvalidInput, Replayed, WrongState
from ledger.store import tables
from ledger.store.database import Database, insert_if_new
from ledger.store.decisions import parse_or_none, save_decision
from ledger.store.log_rows import CHUNK, ENTRY_FIELDS, entry_of, fetch_nodes, size_of
from ledger.store.tables.base import table_of
from ledger.transparency.edge import Place

_LOG = table_of(tables.AuditLog)
_ENTRY = table_of(tables.AuditEntry)
_NODE = table_of(tables.TreeNode)
_CHECKPOINT = table_of(tables.Checkpoint)
_ENTRY_COLUMNS = ("log", "index", "canonical", "leaf", "key", "decision")


class _Named(msgspec.Struct):
    """The one field of an entry that look-ups need."""

    decision: str = ""


_named = msgspec.json.Decoder(_Named).decode


class SqlLogWriter:
    """One log, held until the transaction ends (``ports.LogWriter``)."""

    def __init__(self, database: Database, connection: Connection, log: bytes) -> None:
        self._database = database
        self._connection = connection
        self._log = log
        self._number = _hold(connection, log)
        self._size = size_of(connection, self._number)

    @property
    def size(self) -> int:
        """Entries so far."""
        return self._size

    def find(self, key: str) -> StoredEntry | None:
        """As ``LogWriter.find``; no entry is found under the empty key."""
        rows = select(*ENTRY_FIELDS).where(_ENTRY.c.log == self._number, _ENTRY.c.key == key)
        row = self._connection.execute(rows).first() if key else None
        return None if row is None else entry_of(self._log, row)

    def find_all(self, keys: Sequence[str]) -> dict[str, StoredEntry]:
        """As ``LogWriter.find_all``; no entry is found under the empty key."""
        wanted = [key for key in keys if key]
        found: dict[str, StoredEntry] = {}
        for start in range(0, len(wanted), CHUNK):
            chosen = _ENTRY.c.key.in_(wanted[start : start + CHUNK])
            rows = select(*ENTRY_FIELDS).where(_ENTRY.c.log == self._number, chosen)
            found.update({row.key: entry_of(self._log, row) for row in self._connection.execute(rows)})
        return found

    def node(self, level: int, index: int) -> bytes:
        """As ``LogWriter.node``."""
        return self.fetch([Place(level, index)])[0]

    def fetch(self, places: Sequence[Place]) -> list[bytes]:
        """As ``LogWriter.fetch``."""
        return fetch_nodes(self._connection, self._number, places)

    def append(self, entries: Sequence[StoredEntry], nodes: Iterable[tuple[int, int, bytes]]) -> None:
        """As ``LogWriter.append``.

        Args:
            entries: The entries, from index ``size`` on.
            nodes: (level, index, hash) of the subtrees that they complete. Level 0 may be left out: it is the leaves.

        Raises:
            WrongState: The entries do not start where the log ends, or are another log's.
            Replayed: An idempotency key is used already.
            InvalidInput: A node of level 0 is not its entry's leaf, or an entry is no JSON object.
        """
        for place, entry in enumerate(entries):
            if entry.log != self._log or entry.index != self._size + place:
                raise WrongState(f"the next entry of this log has index {self._size + place}; read its size again")
        keys = [entry.key for entry in entries if entry.key]
        used = next(iter(self.find_all(keys)), None)
        if used is not None or len(set(keys)) != len(keys):
            raise Replayed(f"idempotency key {used or 'of this batch'!r} is used already; find its entry instead")
        leaves = {entry.index: entry.leaf for entry in entries}
        higher = []
        for level, index, digest in nodes:
            if level:
                higher.append((self._number, level, index, digest))
            elif leaves.get(index) != digest:
                raise InvalidInput(f"tree node 0/{index} is not the leaf of entry {index}")
        rows = [
            (self._number, entry.index, entry.canonical, entry.leaf, entry.key or None, _decision_in(entry))
            for entry in entries
        ]
        self._database.insert(self._connection, _ENTRY, _ENTRY_COLUMNS, rows)
        self._database.insert(self._connection, _NODE, ("log", "level", "index", "hash"), higher)
        self._size += len(entries)

    def checkpoint(self, checkpoint: Checkpointed) -> None:
        """As ``LogWriter.checkpoint``; the first note of a size stays.

        Raises:
            Conflict: Another root was given out for the same size.
        """
        place = and_(_CHECKPOINT.c.log == self._number, _CHECKPOINT.c.size == checkpoint.size)
        root = self._connection.execute(select(_CHECKPOINT.c.root).where(place)).scalar()
        if root is None:
            self._connection.execute(
                insert(_CHECKPOINT).values(
                    log=self._number,
                    size=checkpoint.size,
                    root=checkpoint.root,
                    note=checkpoint.note,
                    made_at=checkpoint.made_at,
                )
            )
        elif root != checkpoint.root:
            raise Conflict(
                f"another root was given out for size {checkpoint.size}: the log was changed; run audit fsck"
            )

    def save_decision(self, record: DecisionRecord, members: Sequence[Member]) -> None:
        """As ``LogWriter.save_decision``.

        Raises:
            WrongState: The record names another log.
        """
        if record.log != self._log:
            raise WrongState("a decision is kept with the log of its entry")
        save_decision(self._database, self._connection, self._number, record, members)


def _hold(connection: Connection, log: bytes) -> int:
    """The log's number; on PostgreSQL its row stays locked (SQLite has one writer anyway)."""
    held = select(_LOG.c.number).where(_LOG.c.log == log).with_for_update()
    number = connection.execute(held).scalar()
    if number is None:
        connection.execute(insert_if_new(connection, _LOG).values(log=log))
        number = connection.execute(held).scalar_one()
    return int(number)


def _decision_in(entry: StoredEntry) -> bytes | None:
    try:
        named = _named(entry.canonical).decision
    except msgspec.MsgspecError as problem:
        raise InvalidInput(f"entry {entry.index} is not a JSON object: {problem}") from problem
    return parse_or_none(named)
