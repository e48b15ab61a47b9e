"""Decisions that were given out, and the rows that each considered: the second half of ``ports.AuditStore``.

The rows of a decision are personal. They hang on the decision by a number of its own, so that they can be erased alone.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, insert, select

from ledger.domain.audit import DecisionRecord, Member
from ledger.domain.identifiers import parse_id, to_hex
from ledger.errors import InvalidInput
from ledger.store import tables
from ledger.store.database import Database
from ledger.store.tables.base import table_of

_LOG = table_of(tables.AuditLog)
_DECISION = table_of(tables.Decision)
_MEMBER = table_of(tables.DecisionMember)
_ERASED = table_of(tables.ErasedMember)
_MEMBER_COLUMNS = ("subject", "salt", "outcome", "reason", "consent", "version")
_MEMBER_FIELDS = [_MEMBER.c[name] for name in _MEMBER_COLUMNS]
_RECORD_COLUMNS = (
    "index",
    "study",
    "engine",
    "request",
    "receipt",
    "block_number",
    "block_hash",
    "at",
    "permitted",
    "considered",
)
_RECORD_FIELDS = [_DECISION.c.id, _LOG.c.log, *(_DECISION.c[name] for name in _RECORD_COLUMNS)]


_UNLOGGED = (
    'SELECT d."index", d.id FROM decision d JOIN audit_log l ON l.number = d.log LEFT JOIN audit_entry e '
    'ON e.log = d.log AND e."index" = d."index" AND e.decision = d.id '
    'WHERE l.log = ? AND d."index" < ? AND e.log IS NULL ORDER BY d."index", d.id LIMIT 100'
)


class SqlDecisions:
    """The kept decisions of all logs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def decision(self, id: str) -> DecisionRecord | None:
        """As ``AuditStore.decision``; None also for a text that is no id."""
        rows = _records().where(_DECISION.c.id == parse_or_none(id))
        with self._database.reading() as connection:
            row = connection.execute(rows).first()
            return None if row is None else _record(row)

    def unlogged(self, log: bytes, size: int) -> list[tuple[int, str]]:
        """As ``AuditStore.unlogged``; the first hundred."""
        return [(index, to_hex(name)) for index, name in self._database.ask(_UNLOGGED, (log, size))]

    def members(self, decision: str) -> list[Member]:
        """As ``AuditStore.members``."""
        rows = (
            select(*_MEMBER_FIELDS)
            .join(_DECISION, _DECISION.c.number == _MEMBER.c.decision)
            .where(_DECISION.c.id == parse_or_none(decision))
            .order_by(_MEMBER.c.subject)
        )
        with self._database.reading() as connection:
            return [Member(*row) for row in connection.execute(rows)]

    def erased(self, decision: str) -> dict[int, bytes]:
        """As ``AuditStore.erased``."""
        rows = (
            select(_ERASED.c.place, _ERASED.c.leaf)
            .join(_DECISION, _DECISION.c.number == _ERASED.c.decision)
            .where(_DECISION.c.id == parse_or_none(decision))
        )
        with self._database.reading() as connection:
            return {row.place: row.leaf for row in connection.execute(rows)}

    def decisions_on(
        self, subject: bytes, *, before: str = "", limit: int = 100
    ) -> list[tuple[DecisionRecord, Member]]:
        """As ``AuditStore.decisions_on``."""
        rows = (
            _records()
            .add_columns(*_MEMBER_FIELDS)
            .join(_MEMBER, _MEMBER.c.decision == _DECISION.c.number)
            .where(_MEMBER.c.subject == subject)
            .order_by(_MEMBER.c.decision.desc())
            .limit(limit)
        )
        if before:
            named = select(_DECISION.c.number).where(_DECISION.c.id == parse_or_none(before)).scalar_subquery()
            rows = rows.where(_MEMBER.c.decision < named)
        with self._database.reading() as connection:
            return [(_record(row), Member(*row[-len(_MEMBER_COLUMNS) :])) for row in connection.execute(rows)]


def save_decision(
    database: Database, connection: Connection, log: int, record: DecisionRecord, members: Sequence[Member]
) -> None:
    """Keep a decision and its rows inside a log's transaction.

    Raises:
        InvalidInput: The record's id is not 0x and 64 lower-case hex digits.
        Conflict: A decision with this id is kept already.
    """
    created = connection.execute(
        insert(_DECISION).values(
            id=parse_id(record.id, what="decision"),
            log=log,
            **{name: getattr(record, name) for name in _RECORD_COLUMNS},
        )
    )
    assert created.inserted_primary_key is not None
    number = created.inserted_primary_key[0]
    rows = [
        (number, row.subject, row.salt, int(row.outcome), int(row.reason), row.consent, row.version) for row in members
    ]
    database.insert(connection, _MEMBER, ("decision", *_MEMBER_COLUMNS), rows)


def parse_or_none(decision: str) -> bytes | None:
    """The 32 bytes of a decision's id; None where the text is none."""
    try:
        return parse_id(decision)
    except InvalidInput:
        return None


def _records() -> Select[Any]:
    return select(*_RECORD_FIELDS).join_from(_DECISION, _LOG, _LOG.c.number == _DECISION.c.log)


def _record(row: Sequence[Any]) -> DecisionRecord:
    decision, log, *rest = row[: len(_RECORD_FIELDS)]
    return DecisionRecord(to_hex(decision), log, *rest)
