"""The sealed rows in SQL: ``ports.VaultStore``."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, select, text, update

from ledger.domain.vault import SealedRecord, WrappedKey
from ledger.errors import WrongState
from ledger.store import tables
from ledger.store.database import Database
from ledger.store.tables.base import table_of

_RECORD = table_of(tables.VaultRecord)
_KEY = table_of(tables.VaultKey)
_ERASURE = table_of(tables.Erasure)
_CHANGING = 0x0C0_50E59  # advisory lock of PostgreSQL: vault and erasures change one after the other


class SqlVault:
    """All custodians' rows in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: SealedRecord) -> bool:
        """As ``VaultStore.put``."""
        with self._database.writing() as connection:
            hold_personal_data(connection)
            if row.key.version < _newest(connection):
                return False
            erased = select(_ERASURE.c.number).where(_ERASURE.c.subject == row.subject)
            if connection.execute(select(exists(erased))).scalar():
                raise WrongState("this subject was erased; enrol the patient anew to keep a record of them")
            connection.execute(delete(_RECORD).where(_RECORD.c.subject == row.subject))
            connection.execute(insert(_RECORD).values(_values(row)))
            return True

    def get(self, subject: bytes) -> SealedRecord | None:
        """As ``VaultStore.get``."""
        with self._database.reading() as connection:
            row = connection.execute(select(_RECORD).where(_RECORD.c.subject == subject)).first()
            return None if row is None else _row(row)

    def find(self, custodian: bytes, indexes: Sequence[bytes]) -> SealedRecord | None:
        """As ``VaultStore.find``."""
        rows = select(_RECORD).where(_RECORD.c.custodian == custodian, _RECORD.c.blind.in_(list(indexes)))
        with self._database.reading() as connection:
            row = connection.execute(rows).first()
            return None if row is None else _row(row)

    def set_newest(self, version: int) -> None:
        """As ``VaultStore.set_newest``."""
        with self._database.writing() as connection:
            hold_personal_data(connection)
            if version > _newest(connection):
                connection.execute(delete(_KEY))
                connection.execute(insert(_KEY).values(id=1, newest=version))

    def older(self, version: int, limit: int) -> list[SealedRecord]:
        """As ``VaultStore.older``."""
        rows = select(_RECORD).where(_RECORD.c.key_version < version).order_by(_RECORD.c.subject).limit(limit)
        with self._database.reading() as connection:
            return [_row(row) for row in connection.execute(rows)]

    def replace(self, old: SealedRecord, new: SealedRecord) -> bool:
        """As ``VaultStore.replace``."""
        change = update(_RECORD).where(_RECORD.c.subject == old.subject, _RECORD.c.sealed == old.data)
        with self._database.writing() as connection:
            return connection.execute(change.values(_values(new))).rowcount == 1


def hold_personal_data(connection: Connection) -> None:
    """Let nobody else change vault or erasures until the transaction ends; SQLite's write lock does so by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHANGING})


def _newest(connection: Connection) -> int:
    return connection.execute(select(_KEY.c.newest)).scalar() or 0


def _values(row: SealedRecord) -> dict[str, Any]:
    return {
        "subject": row.subject,
        "custodian": row.custodian,
        "blind": row.index,
        "key_version": row.key.version,
        "wrapped_key": row.key.data,
        "sealed": row.data,
    }


def _row(row: Any) -> SealedRecord:
    return SealedRecord(row.subject, row.custodian, row.blind, WrappedKey(row.key_version, row.wrapped_key), row.sealed)
