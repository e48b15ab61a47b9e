"""The audit logs in SQL: ``ports.AuditStore``.

Entries and tree nodes are never changed or deleted: the first migration's triggers refuse it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Select, select

from ledger.domain.audit import Checkpointed, StoredEntry
from ledger.store import tables
from ledger.store.database import Database
from ledger.store.decisions import SqlDecisions, parse_or_none
from ledger.store.log_rows import ENTRY_FIELDS, SqlNodes, entry_of, number_of, size_of
from ledger.store.log_writer import SqlLogWriter
from ledger.store.tables.base import table_of
from ledger.transparency.edge import Place

_LOG = table_of(tables.AuditLog)
_ENTRY = table_of(tables.AuditEntry)
_CHECKPOINT = table_of(tables.Checkpoint)
_PAGE = 1000


class SqlAudit(SqlDecisions):
    """All logs in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    @contextmanager
    def writer(self, log: bytes) -> Iterator[SqlLogWriter]:
        """As ``AuditStore.writer``."""
        with self._database.writing() as connection:
            yield SqlLogWriter(self._database, connection, log)

    def size(self, log: bytes) -> int:
        """As ``AuditStore.size``."""
        with self._database.reading() as connection:
            number = number_of(connection, log)
            return 0 if number is None else size_of(connection, number)

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
                select(*ENTRY_FIELDS)
                .join(_LOG, _LOG.c.number == _ENTRY.c.log)
                .where(_LOG.c.log == log, _ENTRY.c.index >= first, _ENTRY.c.index < min(last, first + _PAGE))
                .order_by(_ENTRY.c.index)
            )
            with self._database.reading() as connection:
                page = [entry_of(log, row) for row in connection.execute(rows)]
            yield from page
            if len(page) < min(last - first, _PAGE):
                return
            first += _PAGE

    def node(self, log: bytes, level: int, index: int) -> bytes:
        """As ``AuditStore.node``."""
        return self.nodes(log).fetch([Place(level, index)])[0]

    def nodes(self, log: bytes) -> SqlNodes:
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
            select(*ENTRY_FIELDS, _LOG.c.log)
            .join(_LOG, _LOG.c.number == _ENTRY.c.log)
            .where(_ENTRY.c.decision == named)
            .order_by(_ENTRY.c.log, _ENTRY.c.index)
        )
        with self._database.reading() as connection:
            naming = [entry_of(row[-1], row) for row in connection.execute(rows)]
        return ([own] if own else []) + [entry for entry in naming if entry != own]


def _checkpoints(log: bytes) -> Select[Any]:
    return select(_CHECKPOINT).join(_LOG, _LOG.c.number == _CHECKPOINT.c.log).where(_LOG.c.log == log)
