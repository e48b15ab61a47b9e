"""Passkeys, and invitations to set one up."""

from sqlalchemy import Index

from ledger.store.tables.base import (
    Row,
    bytes_column,
    flag_column,
    hash_column,
    number_column,
    small_column,
)


class PasskeyRow(Row, table=True):
    """A passkey that was registered here, in authority or not yet; the chain has its signer alone."""

    __tablename__ = "passkey"
    __table_args__ = (Index("ix_passkey_subject", "subject"),)
    credential: bytes = bytes_column(key=True)
    subject: bytes = hash_column()
    signer: bytes = bytes_column()
    counter: int = number_column()
    backed_up: bool = flag_column()
    added_at: int = number_column()


class InvitationRow(Row, table=True):
    """A subject whom a custodian enrols with the first passkey that is registered."""

    __tablename__ = "invitation"
    __table_args__ = ({"sqlite_with_rowid": False},)
    subject: bytes = hash_column(key=True)
    custodian: bytes = hash_column()
    capacity: int = small_column()
    since: int = number_column()
    until: int = number_column()
    form: bytes = hash_column()
    ends_at: int = number_column()
