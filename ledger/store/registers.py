"""Cohorts over a register in SQL: ``ports.RegisterStore``."""

from sqlalchemy import select

from ledger.domain.identifiers import parse_id
from ledger.ports.registers import PagedBits
from ledger.store import tables
from ledger.store.database import Database, insert_if_new
from ledger.store.decisions import parse_or_none
from ledger.store.tables.base import table_of

_BITS = table_of(tables.CohortBitsRow)
_FIELDS = [_BITS.c[name] for name in PagedBits._fields]


class SqlRegisters:
    """All cohorts over registers in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, decision: str, bits: PagedBits) -> None:
        """As ``RegisterStore.keep``."""
        row = {"decision": parse_id(decision, what="decision"), **bits._asdict()}
        with self._database.writing() as connection:
            connection.execute(insert_if_new(connection, _BITS).values(row))

    def of(self, decision: str) -> PagedBits | None:
        """As ``RegisterStore.of``."""
        rows = select(*_FIELDS).where(_BITS.c.decision == parse_or_none(decision))
        with self._database.reading() as connection:
            found = connection.execute(rows).first()
        return None if found is None else PagedBits(*found)
