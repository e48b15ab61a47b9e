"""The feed of revocations, and who is sent it."""

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlmodel import Field

from ledger.store.tables.base import (
    SERIAL,
    Row,
    flag_column,
    hash_column,
    number_column,
    small_column,
    text_column,
)


class RevocationRow(Row, table=True):
    """A line of the feed."""

    __tablename__ = "revocation"
    __table_args__ = (Index("ix_revocation_digest", "digest"), {"sqlite_autoincrement": True})
    number: int = Field(sa_type=SERIAL, primary_key=True)
    stage: int = small_column()
    act: int = small_column()
    subject: bytes = hash_column()
    consent: bytes | None = Field(default=None, sa_type=LargeBinary(32))
    digest: bytes | None = Field(default=None, sa_type=LargeBinary(32))
    block: int | None = Field(default=None, sa_type=BigInteger)
    at: int = number_column()


class RevocationCursor(Row, table=True):
    """How far outbox and chain were followed: one row."""

    __tablename__ = "revocation_cursor"
    id: int = number_column(key=True)
    sequence: int = number_column()
    block: int = number_column()
    block_hash: bytes = hash_column()
    erasure: int = number_column()


class WebhookRow(Row, table=True):
    """Somebody who is sent the feed."""

    __tablename__ = "webhook"
    __table_args__ = (Index("ix_webhook_owner", "role", "owner"), {"sqlite_with_rowid": False})
    id: bytes = hash_column(key=True)
    role: str = text_column()
    owner: bytes = hash_column()
    url: str = text_column()
    after: int = number_column()
    created_at: int = number_column()
    due_at: int = number_column()
    failures: int = small_column()
    dead: bool = flag_column()
    error: str = text_column()
