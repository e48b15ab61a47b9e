"""The facts of the ConsentRegistry and the AuditAnchor, as intervals of blocks.

Columns as ``domain.flat.columns_of`` names them.
"""

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field

from ledger.store.tables.base import (
    IntervalRow,
    bytes_column,
    flag_column,
    hash_column,
    interval_arguments,
    number_column,
    small_column,
    text_column,
)


class SubjectRow(IntervalRow, table=True):
    """An enrolled subject."""

    __tablename__ = "subject"
    __table_args__ = interval_arguments("subject", "id", more=(Index("ix_subject_custodian", "custodian", "id"),))
    id: bytes = hash_column(key=True)
    custodian: bytes = hash_column()


class SignerRow(IntervalRow, table=True):
    """A version of a signer's authority for a subject."""

    __tablename__ = "signer"
    __table_args__ = interval_arguments("signer", "subject", "signer")
    subject: bytes = hash_column(key=True)
    signer: bytes = bytes_column(key=True)
    capacity: int = small_column()
    since: int = number_column()
    until: int = number_column()
    form: bytes = hash_column()
    active: bool = flag_column()


class RecoveryRow(IntervalRow, table=True):
    """A version of the last recovery of a subject's lost key."""

    __tablename__ = "recovery"
    __table_args__ = interval_arguments("recovery", "subject")
    subject: bytes = hash_column(key=True)
    id: bytes = hash_column()
    custodian: bytes = hash_column()
    new_signer: bytes = bytes_column()
    capacity: int = small_column()
    since: int = number_column()
    until: int = number_column()
    form: bytes = hash_column()
    opens_at: int = number_column()
    state: int = small_column()


class SpentIdRow(IntervalRow, table=True):
    """An id that an act of a subject used up without leaving a consent."""

    __tablename__ = "spent_id"
    __table_args__ = interval_arguments("spent_id", "subject", "id")
    subject: bytes = hash_column(key=True)
    id: bytes = hash_column(key=True)


class ConsentRow(IntervalRow, table=True):
    """A version of a consent. ``valid_until`` is the effective end, ``scope_valid_until`` the one that was signed."""

    __tablename__ = "consent"
    __table_args__ = interval_arguments("consent", "subject", "id")
    subject: bytes = hash_column(key=True)
    id: bytes = hash_column(key=True)
    version: int = small_column()
    scope_effect: int = small_column()
    scope_recipient_kind: int = small_column()
    scope_recipient: bytes = hash_column()
    scope_purposes: int = small_column()
    scope_conditions: int = small_column()
    scope_operations: int = small_column()
    scope_categories: int = number_column()
    scope_valid_from: int = number_column()
    scope_valid_until: int = number_column()
    scope_data_from: int = number_column()
    scope_data_until: int = number_column()
    scope_diseases: bytes = Field(sa_type=LargeBinary(20))
    scope_terms: bytes = hash_column()
    terms_version: int = number_column()
    valid_until: int = number_column()
    capacity: int = small_column()
    state: int = small_column()


class RefusalRow(IntervalRow, table=True):
    """An act that the chain refused."""

    __tablename__ = "refusal"
    __table_args__ = interval_arguments("refusal", "digest")
    digest: bytes = hash_column(key=True)
    reason: str = text_column()


class AnchoredHeadRow(IntervalRow, table=True):
    """An anchored head of a log; the one that holds is the last."""

    __tablename__ = "anchored_head"
    __table_args__ = interval_arguments("anchored_head", "log")
    log: bytes = hash_column(key=True)
    size: int = number_column()
    root: bytes = hash_column()


class AccessEventRow(IntervalRow, table=True):
    """An access event on the chain."""

    __tablename__ = "access_event"
    __table_args__ = interval_arguments("access_event", "log", "index")
    log: bytes = hash_column(key=True)
    index: int = number_column(key=True)
    leaf: bytes = hash_column()
    study: bytes = hash_column()
    engine: bytes = hash_column()
