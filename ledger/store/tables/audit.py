"""The audit logs, their trees, and the decisions that were given out.

Entries and tiles are append-only: triggers of the migrations refuse to change or delete them.
"""

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, Text, text
from sqlmodel import Field

from ledger.store.tables.base import (
    SERIAL,
    Row,
    bytes_column,
    hash_column,
    number_column,
    small_column,
    text_column,
)

_DECISIVE = text("decision IS NOT NULL")
_KEYED = text("key IS NOT NULL")


class AuditLog(Row, table=True):
    """A log, and the short number that stands for it in the other tables."""

    __tablename__ = "audit_log"
    __table_args__ = ({"sqlite_autoincrement": True},)
    number: int = Field(sa_type=SERIAL, primary_key=True)
    log: bytes = hash_column(unique=True)


class AuditEntry(Row, table=True):
    """An entry. ``canonical`` is what was hashed; ``decision`` is read out of it, for look-ups.

    ``key`` and ``count`` stand on the first entry of an append: what it came under, and how many came with it.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("uq_audit_entry_key", "log", "key", unique=True, sqlite_where=_KEYED, postgresql_where=_KEYED),
        Index("ix_audit_entry_decision", "decision", sqlite_where=_DECISIVE, postgresql_where=_DECISIVE),
    )
    log: int = Field(
        sa_type=BigInteger,
        sa_column_args=[ForeignKey("audit_log.number", name="fk_audit_entry_log")],
        primary_key=True,
    )
    index: int = number_column(key=True)
    canonical: bytes = bytes_column()
    leaf: bytes = hash_column()
    key: str | None = Field(default=None, sa_type=Text)
    count: int | None = Field(default=None, sa_type=Integer)
    decision: bytes | None = Field(default=None, sa_type=LargeBinary(32))


class TreeTile(Row, table=True):
    """A full tile of a log's tree: 256 neighbouring hashes of a level that is a multiple of 8 (C2SP tlog-tiles).

    ``root`` is the hash over them: what is written of the tile above until that one is full too.
    """

    __tablename__ = "tree_tile"
    __table_args__ = ({"sqlite_with_rowid": False},)
    log: int = Field(
        sa_type=BigInteger,
        sa_column_args=[ForeignKey("audit_log.number", name="fk_tree_tile_log")],
        primary_key=True,
    )
    level: int = Field(sa_type=Integer, primary_key=True, sa_column_kwargs={"autoincrement": False})
    index: int = number_column(key=True)
    root: bytes = hash_column()
    hashes: bytes = bytes_column()


class Checkpoint(Row, table=True):
    """A signed tree head that was given out."""

    __tablename__ = "checkpoint"
    log: int = Field(
        sa_type=BigInteger,
        sa_column_args=[ForeignKey("audit_log.number", name="fk_checkpoint_log")],
        primary_key=True,
    )
    size: int = number_column(key=True)
    root: bytes = hash_column()
    note: str = text_column()
    made_at: int = number_column()


class Decision(Row, table=True):
    """A decision that was given out; ``number`` stands for it in its members."""

    __tablename__ = "decision"
    __table_args__ = (Index("ix_decision_entry", "log", "index"), {"sqlite_autoincrement": True})
    number: int = Field(sa_type=SERIAL, primary_key=True)
    id: bytes = hash_column(unique=True)
    log: int = Field(
        sa_type=BigInteger,
        sa_column_args=[ForeignKey("audit_log.number", name="fk_decision_log")],
    )
    index: int = number_column()
    study: bytes = bytes_column()
    engine: bytes = bytes_column()
    request: bytes = bytes_column()
    receipt: str = text_column()
    block_number: int = number_column()
    block_hash: bytes = hash_column()
    at: int = number_column()
    permitted: int = number_column()
    considered: int = number_column()


class DecisionMember(Row, table=True):
    """One considered row of a decision. Personal: it may be erased alone."""

    __tablename__ = "decision_member"
    __table_args__ = (
        Index("ix_decision_member_subject", "subject", "decision"),
        {"sqlite_with_rowid": False},
    )
    decision: int = Field(
        sa_type=BigInteger,
        sa_column_args=[ForeignKey("decision.number", name="fk_decision_member_decision")],
        primary_key=True,
    )
    subject: bytes = hash_column(key=True)
    salt: bytes = bytes_column()
    outcome: int = small_column()
    reason: int = small_column()
    consent: bytes | None = Field(default=None, sa_type=LargeBinary(32))
    version: int = number_column()
