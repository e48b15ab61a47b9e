"""Cosignatures in SQL: ``ports.CosignatureStore``."""

from sqlalchemy import func, select

from ledger.store import tables
from ledger.store.database import Database, insert_if_new
from ledger.store.tables.base import table_of

_LINE = table_of(tables.CosignatureRow)


class SqlCosignatures:
    """All cosignatures in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, log: bytes, size: int, witness: str, line: str) -> None:
        """As ``CosignatureStore.keep``."""
        with self._database.writing() as connection:
            row = {"log": log, "size": size, "witness": witness, "line": line}
            connection.execute(insert_if_new(connection, _LINE).values(row))

    def lines(self, log: bytes, size: int) -> dict[str, str]:
        """As ``CosignatureStore.lines``."""
        rows = select(_LINE.c.witness, _LINE.c.line).where(_LINE.c.log == log, _LINE.c.size == size)
        with self._database.reading() as connection:
            return {row.witness: row.line for row in connection.execute(rows.order_by(_LINE.c.witness))}

    def newest(self, log: bytes, witnesses: int) -> int | None:
        """As ``CosignatureStore.newest``."""
        sizes = select(_LINE.c.size).where(_LINE.c.log == log).group_by(_LINE.c.size)
        enough = sizes.having(func.count() >= witnesses).order_by(_LINE.c.size.desc()).limit(1)
        with self._database.reading() as connection:
            size: int | None = connection.execute(enough).scalar()
        return size
