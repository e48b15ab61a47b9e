"""Consent texts in SQL: ``ports.TextStore``."""

from hashlib import sha256

from sqlalchemy import insert, select

from ledger.store import tables
from ledger.store.database import Database
from ledger.store.tables.base import table_of

_TEXT = table_of(tables.TextRow)


class SqlTexts:
    """All texts in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, text: str) -> bytes:
        """As ``TextStore.keep``."""
        digest = sha256(text.encode()).digest()
        with self._database.writing() as connection:
            if connection.execute(select(_TEXT.c.hash).where(_TEXT.c.hash == digest)).first() is None:
                connection.execute(insert(_TEXT).values(hash=digest, text=text))
        return digest

    def get(self, digest: bytes) -> str | None:
        """As ``TextStore.get``."""
        with self._database.reading() as connection:
            text: str | None = connection.execute(select(_TEXT.c.text).where(_TEXT.c.hash == digest)).scalar()
        # What is shown is what is signed: a row that was changed is no text at all.
        return text if text is not None and sha256(text.encode()).digest() == digest else None
