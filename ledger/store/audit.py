"""The audit logs in SQL: ``ports.AuditStore``.

Entries and tiles are never changed or deleted: the triggers of the migrations refuse it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Select, or_, select

from ledger.domain.audit import Checkpointed, StoredEntry
from ledger.ports import EntryRow
from ledger.store import tables
from ledger.store.database import Database, driver_cursor
from ledger.store.decisions import SqlDecisions, parse_or_none
from ledger.store.log_rows import ENTRIES, ENTRY_FIELDS, ROWS, entry_of, size_of
from ledger.store.log_tiles import LogNodes, TileCache
from ledger.store.log_writer import SqlLogWriter
from ledger.store.storage_classes import log_name, misstored
from ledger.store.tables.base import table_of
from ledger.transparency.edge import Place

_LOG = table_of(tables.AuditLog)
_ENTRY = table_of(tables.AuditEntry)
_CHECKPOINT = table_of(tables.Checkpoint)
_NAMING = (
    f"SELECT {ENTRY_FIELDS}, l.log FROM audit_entry e JOIN audit_log l ON l.number = e.log "  # noqa: S608
    'WHERE e.decision = ? ORDER BY e.log, e."index"'
)
_TILES = (
    'SELECT t."index", t.root, t.hashes FROM tree_tile t JOIN audit_log l ON l.number = t.log '
    'WHERE l.log = ? AND t.level = ? AND t."index" >= ? AND t."index" < ?'
)
_PAGE = 1000
_STREAMED = 16_384


class SqlAudit(SqlDecisions):
    """All logs in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database
        self._tiles = TileCache(database.ask)

    @contextmanager
    def writer(self, log: bytes) -> Iterator[SqlLogWriter]:
        """As ``AuditStore.writer``."""
        with self._database.writing() as connection, driver_cursor(connection) as cursor:
            yield SqlLogWriter(self._database, connection, cursor, log)

    def size(self, log: bytes) -> int:
        """As ``AuditStore.size``."""
        number = self._tiles.number(log)
        return 0 if number is None else size_of(self._database.ask, number)

    def logs(self) -> list[bytes]:
        """As ``AuditStore.logs``."""
        has_entries = or_(
            *(select(table.c.log).where(table.c.log == _LOG.c.number).exists() for table in (_ENTRY, _CHECKPOINT))
        )
        with self._database.reading() as connection:
            return list(connection.execute(select(log_name).where(has_entries).order_by(_LOG.c.number)).scalars())

    def misstored(self, log: bytes) -> list[tuple[int | None, str]]:
        """As ``AuditStore.misstored``."""
        return list(misstored(self._database, log))

    def entry(self, log: bytes, index: int) -> StoredEntry | None:
        """As ``AuditStore.entry``."""
        return next(self.entries(log, index, index + 1), None)

    def entries(self, log: bytes, first: int, last: int) -> Iterator[StoredEntry]:
        """As ``AuditStore.entries``, read page by page: no connection is held between pages."""
        number = self._tiles.number(log)
        while number is not None and first < last:
            end = min(last, first + _PAGE)
            rows = self._database.ask(ENTRIES, (number, first, end))
            yield from [entry_of(log, row) for row in rows]
            if len(rows) < end - first:
                return
            first = end

    def rows(self, log: bytes, first: int, last: int, most: int) -> Iterator[Sequence[EntryRow]]:
        """As ``AuditStore.rows``: streamed, a transaction for every few thousand rows."""
        number = self._tiles.number(log)
        statement = ROWS if self._database.sqlite else ROWS.replace("?", "%s")
        while number is not None and first < last:
            read = 0
            with self._database.reading() as connection, driver_cursor(connection) as cursor:
                cursor.execute(statement, (number, first, last, _STREAMED))
                while rows := cursor.fetchmany(most):
                    yield rows
                    read += len(rows)
                    first = rows[-1][0] + 1
            if read < _STREAMED:
                return

    def node(self, log: bytes, level: int, index: int) -> bytes:
        """As ``AuditStore.node``."""
        return self.nodes(log).fetch([Place(level, index)])[0]

    def nodes(self, log: bytes) -> LogNodes:
        """As ``AuditStore.nodes``."""
        return LogNodes(self._tiles, log)

    def tiles(self, log: bytes, level: int, first: int, last: int) -> dict[int, tuple[bytes, bytes]]:
        """As ``AuditStore.tiles``, from the rows, whatever was read before."""
        rows = self._database.ask(_TILES, (log, level, first, last))
        return {index: (root, hashes) for index, root, hashes in rows}

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
        naming = [entry_of(row[-1], row) for row in self._database.ask(_NAMING, (named,))]
        return ([own] if own else []) + [entry for entry in naming if entry != own]


def _checkpoints(log: bytes) -> Select[Any]:
    return select(_CHECKPOINT).join(_LOG, _LOG.c.number == _CHECKPOINT.c.log).where(_LOG.c.log == log)
