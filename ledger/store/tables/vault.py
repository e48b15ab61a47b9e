"""Sealed personal data, and its erasure."""

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlmodel import Field

from ledger.store.tables.base import (
    SERIAL,
    Row,
    bytes_column,
    flag_column,
    hash_column,
    number_column,
    small_column,
    text_column,
)


class VaultRecord(Row, table=True):
    """What a custodian knows of a subject, encrypted under the row's own key, which is wrapped beside it."""

    __tablename__ = "vault_record"
    __table_args__ = (
        Index("uq_vault_record_blind", "custodian", "blind", unique=True),
        Index("ix_vault_record_key_version", "key_version"),
        {"sqlite_with_rowid": False},
    )
    subject: bytes = hash_column(key=True)
    custodian: bytes = hash_column()
    blind: bytes = hash_column()
    key_version: int = small_column()
    wrapped_key: bytes = bytes_column()
    sealed: bytes = bytes_column()


class VaultKey(Row, table=True):
    """The one row that says under which version of the key-encryption key rows are taken."""

    __tablename__ = "vault_key"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    newest: int = small_column()


class Erasure(Row, table=True):
    """An erasure. ``logged``: its entries are written."""

    __tablename__ = "erasure"
    __table_args__ = (Index("ix_erasure_subject", "subject", "number"), {"sqlite_autoincrement": True})
    number: int = Field(sa_type=SERIAL, primary_key=True)
    id: str = text_column()
    subject: bytes = hash_column()
    custodian: bytes = hash_column()
    actor: str = text_column()
    at: int = number_column()
    local_record: bool = flag_column()
    passkeys: bool = flag_column()
    logged: bool = flag_column()


class ErasureOpening(Row, table=True):
    """An entry beside which an erasure destroyed a row; kept until the erasure is logged."""

    __tablename__ = "erasure_opening"
    __table_args__ = ({"sqlite_with_rowid": False},)
    erasure: int = Field(
        sa_type=BigInteger,
        sa_column_args=[ForeignKey("erasure.number", name="fk_erasure_opening_erasure")],
        primary_key=True,
    )
    log: int = Field(
        sa_type=BigInteger,
        sa_column_args=[ForeignKey("audit_log.number", name="fk_erasure_opening_log")],
        primary_key=True,
    )
    index: int = number_column(key=True)


class ErasedMember(Row, table=True):
    """What is left of a decision's erased row: its leaf, at its place among all rows of the decision."""

    __tablename__ = "erased_member"
    __table_args__ = ({"sqlite_with_rowid": False},)
    decision: int = Field(
        sa_type=BigInteger,
        sa_column_args=[ForeignKey("decision.number", name="fk_erased_member_decision")],
        primary_key=True,
    )
    place: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    leaf: bytes = hash_column()
