"""Values of another kind than their columns': what SQLite keeps of whatever it is given, and PostgreSQL refuses.

Of entries only those are looked at that no range of indices holds: to look at all of them would cost as much as to read
them, and who reads them sees the rest (``services.fsck_page``).

Source: https://www.sqlite.org/datatype3.html
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    Select,
    Text,
    cast,
    false,
    func,
    literal,
    or_,
    select,
)

from ledger.store import tables
from ledger.store.database import Database
from ledger.store.tables.base import table_of
from ledger.transparency.tiles import HEIGHT

_LOG = table_of(tables.AuditLog)
_TILE = table_of(tables.TreeTile)
_ENTRY = table_of(tables.AuditEntry)
_CHECKPOINT = table_of(tables.Checkpoint)
_DECISION = table_of(tables.Decision)
_MEMBER = table_of(tables.DecisionMember)
_ERASED = table_of(tables.ErasedMember)
_CLASSES: Final = ((LargeBinary, "blob"), (Text, "text"), (Integer, "integer"))
MOST: Final = 100
"""Rows that are named of a table."""
MOST_MISSING: Final = 1 << 32
"""Entries that may be missing from a log that is looked at row by row."""

log_name: Final = func.coalesce(cast(_LOG.c.log, LargeBinary), b"")
"""A log's name as bytes, whatever is kept."""


def misstored(database: Database, log: bytes) -> Iterator[tuple[int | None, str]]:
    """The values of another kind than their columns, beside a log's entries and in their indices.

    Args:
        database: Where to look.
        log: The log's name.

    Returns:
        The first entry that each concerns, if one can be named, and what is wrong.
    """
    with database.reading() as connection:
        for stray in _stray(connection, log):
            yield None, f"audit_entry.index holds {str(stray)[:40]!r}, which is no index of this log"
        if not database.sqlite:
            return
        for name, rows, columns in _questions():
            for index, *classes in connection.execute(rows.where(log_name == log).limit(MOST)):
                for column, found in zip(columns, classes, strict=True):
                    if found not in _allowed(column):
                        yield index, f"{name}.{column.name} holds a value of class {found}, not {_allowed(column)[0]}"


def _stray(connection: Connection, log: bytes) -> Iterator[object]:
    """The indices of entries that are none, or so far above all others that nobody would come to an end on the way."""
    index = _ENTRY.c.index
    for number in connection.execute(select(_LOG.c.number).where(log_name == log)).scalars().all():
        rows = select(index).where(_ENTRY.c.log == number)
        last = connection.execute(select(func.max(index)).where(_ENTRY.c.log == number)).scalar()
        count = 0
        if isinstance(last, int) and last >= MOST_MISSING:  # to count them takes as long as to read a good part of them
            entries = select(func.count()).select_from(_ENTRY).where(_ENTRY.c.log == number)
            count = connection.execute(entries).scalar_one()
        for odd in (index >= count + MOST_MISSING, index < 0, index.is_(None)):
            yield from connection.execute(rows.where(odd).limit(MOST)).scalars().all()


def _questions() -> Iterator[tuple[str, Select[Any], list[Column[Any]]]]:
    """For each table its rows with a value of another class: an entry's index, then the class in every column."""
    of_log = [
        (_LOG, literal(0)),
        (_TILE, _TILE.c.index.op("<<")(HEIGHT * (_TILE.c.level + 1))),
        (_CHECKPOINT, _CHECKPOINT.c.size),
        (_DECISION, _DECISION.c.index),
    ]
    of_decision = [(_MEMBER, _DECISION.c.index), (_ERASED, _DECISION.c.index)]
    for table, index in of_log + of_decision:
        columns = list(table.columns)
        kept = [func.typeof(column) for column in columns]
        wrong = or_(false(), *(of.not_in(_allowed(column)) for of, column in zip(kept, columns, strict=True)))
        rows = select(func.coalesce(cast(index, Integer), 0), *kept).select_from(_LOG).where(wrong)
        if table is not _LOG:
            joined = _DECISION if table in (_MEMBER, _ERASED) else table
            rows = rows.join(joined, joined.c.log == _LOG.c.number)
        if table in (_MEMBER, _ERASED):
            rows = rows.join(table, table.c.decision == _DECISION.c.number)
        yield table.name, rows, columns


def _allowed(column: Column[Any]) -> list[str]:
    """The storage classes of a column's values."""
    kind = next(name for type_, name in _CLASSES if isinstance(column.type, type_))
    return [kind, "null"] if column.nullable else [kind]
