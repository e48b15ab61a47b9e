"""The audit logs in SQL: ``ports.AuditStore``.

Invariants:

- A log is written by one writer at a time, and densely: entry n is written when n entries are there.
- Entries and tree nodes are never changed or deleted (triggers refuse it); an idempotency key stands once in a log.
- A tree node of level 0 is an entry's leaf; it is not kept twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, func, insert, select, tuple_

from ledger.domain.audit import Checkpointed, DecisionRecord, Member, StoredEntry
from ledger.errors import Conflict, InvalidInput, NotFound, Replayed, WrongState
from ledger.store import tables
from ledger.store.database import Database, insert_if_new
from ledger.store.decisions import SqlDecisions, parse_or_none, save_decision
from ledger.store.tables.base import table_of
from ledger.transparency.edge import Place

_LOG = table_of(tables.AuditLog)
_ENTRY = table_of(tables.AuditEntry)
_NODE = table_of(tables.TreeNode)
_CHECKPOINT = table_of(tables.Checkpoint)
_ENTRY_COLUMNS = ("log", "index", "canonical", "leaf", "key", "decision")
_ENTRY_FIELDS = [_ENTRY.c[name] for name in ("index", "canonical", "leaf", "key")]
_NODE_AT = f'SELECT hash FROM {_NODE.name} WHERE log = ? AND level = ? AND "index" = ?'  # noqa: S608 - our own names
_PAGE = 1000
_PLACES = 400


class _Named(msgspec.Struct):
    """The one field of an entry that look-ups need."""

    decision: str = ""


_named = msgspec.json.Decoder(_Named).decode


class SqlAudit(SqlDecisions):
    """All logs in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    @contextmanager
    def writer(self, log: bytes) -> Iterator["SqlLogWriter"]:
        """As ``AuditStore.writer``."""
        with self._database.writing() as connection:
            yield SqlLogWriter(self._database, connection, log)

    def size(self, log: bytes) -> int:
        """As ``AuditStore.size``."""
        with self._database.reading() as connection:
            number = _number(connection, log)
            return 0 if number is None else _size(connection, number)

    def logs(self) -> list[bytes]:
        """As ``AuditStore.logs``."""
        has_entries = select(_ENTRY.c.index).where(_ENTRY.c.log == _LOG.c.number, _ENTRY.c.index == 0).exists()
        with self._database.reading() as connection:
            return list(connection.execute(select(_LOG.c.log).where(has_entries).order_by(_LOG.c.number)).scalars())

    def entry(self, log: bytes, index: int) -> StoredEntry | None:
        """As ``AuditStore.entry``."""
        return next(self.entries(log, index, index + 1), None)

    def entries(self, log: bytes, first: int, last: int) -> Iterator[StoredEntry]:
        """As ``AuditStore.entries``, read page by page: no connection is held between pages."""
        while first < last:
            rows = (
                select(*_ENTRY_FIELDS)
                .join(_LOG, _LOG.c.number == _ENTRY.c.log)
                .where(_LOG.c.log == log, _ENTRY.c.index >= first, _ENTRY.c.index < min(last, first + _PAGE))
                .order_by(_ENTRY.c.index)
            )
            with self._database.reading() as connection:
                page = [_entry(log, row) for row in connection.execute(rows)]
            yield from page
            if len(page) < min(last - first, _PAGE):
                return
            first += _PAGE

    def node(self, log: bytes, level: int, index: int) -> bytes:
        """As ``AuditStore.node``."""
        return self.nodes(log).fetch([Place(level, index)])[0]

    def nodes(self, log: bytes) -> "SqlNodes":
        """As ``AuditStore.nodes``."""
        return SqlNodes(self._database, log)

    def checkpoint(self, log: bytes, size: int | None = None) -> Checkpointed | None:
        """As ``AuditStore.checkpoint``."""
        rows = _checkpoints(log).order_by(_CHECKPOINT.c.size.desc())
        return self._first_checkpoint(log, rows if size is None else rows.where(_CHECKPOINT.c.size == size))

    def checkpoint_over(self, log: bytes, index: int) -> Checkpointed | None:
        """As ``AuditStore.checkpoint_over``."""
        rows = _checkpoints(log).where(_CHECKPOINT.c.size > index).order_by(_CHECKPOINT.c.size)
        return self._first_checkpoint(log, rows)

    def _first_checkpoint(self, log: bytes, rows: Select[Any]) -> Checkpointed | None:
        with self._database.reading() as connection:
            row = connection.execute(rows.limit(1)).first()
            return None if row is None else Checkpointed(log, row.size, row.root, row.note, row.made_at)

    def entries_of_decision(self, decision: str) -> list[StoredEntry]:
        """As ``AuditStore.entries_of_decision``: its own entry first, the others by log and index."""
        named = parse_or_none(decision)
        if named is None:
            return []
        record = self.decision(decision)
        own = self.entry(record.log, record.index) if record else None
        rows = (
            select(*_ENTRY_FIELDS, _LOG.c.log)
            .join(_LOG, _LOG.c.number == _ENTRY.c.log)
            .where(_ENTRY.c.decision == named)
            .order_by(_ENTRY.c.log, _ENTRY.c.index)
        )
        with self._database.reading() as connection:
            naming = [_entry(row[-1], row) for row in connection.execute(rows)]
        return ([own] if own else []) + [entry for entry in naming if entry != own]


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
            number = _number(connection, self._log)
            if number is None:
                raise NotFound(f"log 0x{self._log.hex()} has no entries")
            return _fetch(connection, number, places)


class SqlLogWriter:
    """One log, held until the transaction ends (``ports.LogWriter``)."""

    def __init__(self, database: Database, connection: Connection, log: bytes) -> None:
        self._database = database
        self._connection = connection
        self._log = log
        self._number = _hold(connection, log)
        self._size = _size(connection, self._number)

    @property
    def size(self) -> int:
        """Entries so far."""
        return self._size

    def find(self, key: str) -> StoredEntry | None:
        """As ``LogWriter.find``; no entry is found under the empty key."""
        rows = select(*_ENTRY_FIELDS).where(_ENTRY.c.log == self._number, _ENTRY.c.key == key)
        row = self._connection.execute(rows).first() if key else None
        return None if row is None else _entry(self._log, row)

    def find_all(self, keys: Sequence[str]) -> dict[str, StoredEntry]:
        """As ``LogWriter.find_all``; no entry is found under the empty key."""
        wanted = [key for key in keys if key]
        found: dict[str, StoredEntry] = {}
        for start in range(0, len(wanted), _PLACES):
            chosen = _ENTRY.c.key.in_(wanted[start : start + _PLACES])
            rows = select(*_ENTRY_FIELDS).where(_ENTRY.c.log == self._number, chosen)
            found.update({row.key: _entry(self._log, row) for row in self._connection.execute(rows)})
        return found

    def node(self, level: int, index: int) -> bytes:
        """As ``LogWriter.node``."""
        return self.fetch([Place(level, index)])[0]

    def fetch(self, places: Sequence[Place]) -> list[bytes]:
        """As ``LogWriter.fetch``."""
        return _fetch(self._connection, self._number, places)

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


def _number(connection: Connection, log: bytes) -> int | None:
    return connection.execute(select(_LOG.c.number).where(_LOG.c.log == log)).scalar()


def _size(connection: Connection, number: int) -> int:
    last = connection.execute(select(func.max(_ENTRY.c.index)).where(_ENTRY.c.log == number)).scalar()
    return 0 if last is None else int(last) + 1


def _fetch(connection: Connection, number: int, places: Sequence[Place]) -> list[bytes]:
    found: dict[tuple[int, int], bytes] = {}
    for start in range(0, len(places), _PLACES):
        part = places[start : start + _PLACES]
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
    cursor = connection.connection.cursor()
    try:
        for place in places:
            row = cursor.execute(_NODE_AT, (number, *place)).fetchone()
            if row is not None:
                yield place, row[0]
    finally:
        cursor.close()


def _checkpoints(log: bytes) -> Select[Any]:
    return select(_CHECKPOINT).join(_LOG, _LOG.c.number == _CHECKPOINT.c.log).where(_LOG.c.log == log)


def _entry(log: bytes, row: Any) -> StoredEntry:
    index, canonical, leaf, key = row[:4]
    return StoredEntry(log, index, canonical, leaf, key or "")


def _decision_in(entry: StoredEntry) -> bytes | None:
    try:
        named = _named(entry.canonical).decision
    except msgspec.MsgspecError as problem:
        raise InvalidInput(f"entry {entry.index} is not a JSON object: {problem}") from problem
    return parse_or_none(named)
