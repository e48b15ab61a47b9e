"""Accepted acts and the transactions that carry them."""

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, text
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

# An index that depends on a column is written anew whenever the column is: none of these depends on ``state``, which
# changes twice in the life of each item. SQLite uses them where a question says the same words.
_REFUSED, _NOT_REFUSED = text("refused"), text("NOT refused")
_REVOKING = text("revoking")
_OPEN = text("NOT final")


class OutboxItem(Row, table=True):
    """An accepted act. ``act`` is its stored form (``domain.acts.dump``); ``revoking``: it may take a permit back.

    ``refused`` says so of ``state``, for the indexes.

    A digest stands once among the items that are not refused: a refused act may be handed in again.
    """

    __tablename__ = "outbox_item"
    __table_args__ = (
        Index("uq_outbox_item_digest", "digest", unique=True, sqlite_where=_NOT_REFUSED, postgresql_where=_NOT_REFUSED),
        Index("ix_outbox_item_refused", "digest", "sequence", sqlite_where=_REFUSED, postgresql_where=_REFUSED),
        Index("ix_outbox_item_state", "state", "sequence"),
        Index("ix_outbox_item_subject", "subject", "sequence"),
        Index("ix_outbox_item_block", "block"),
        Index("ix_outbox_item_revoking", "sequence", sqlite_where=_REVOKING, postgresql_where=_REVOKING),
        {"sqlite_autoincrement": True},
    )
    sequence: int = Field(sa_type=SERIAL, primary_key=True)
    digest: bytes = hash_column()
    subject: bytes | None = Field(default=None, sa_type=LargeBinary(32))
    act: bytes = bytes_column()
    state: int = small_column()
    accepted_at: int = number_column()
    transaction_hash: bytes | None = Field(default=None, sa_type=LargeBinary(32))
    block: int | None = Field(default=None, sa_type=BigInteger)
    reason: str = text_column()
    revoking: bool = flag_column()
    refused: bool = flag_column()


class Transmission(Row, table=True):
    """A signed transaction, stored before it is first sent. ``final``: its outcome is recorded."""

    __tablename__ = "transmission"
    __table_args__ = (
        Index("ix_transmission_open", "sender", "nonce", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_transmission_block", "block"),
    )
    hash: bytes = hash_column(key=True)
    sender: bytes = bytes_column()
    nonce: int = number_column()
    raw: bytes = bytes_column()
    recorded_at: int = number_column()
    final: bool = flag_column()
    block: int | None = Field(default=None, sa_type=BigInteger)
    block_hash: bytes | None = Field(default=None, sa_type=LargeBinary(32))
    succeeded: bool | None = Field(default=None)
    error: str = text_column()


class TransmissionItem(Row, table=True):
    """An item's place in a transaction."""

    __tablename__ = "transmission_item"
    __table_args__ = (Index("ix_transmission_item_sequence", "sequence"),)
    transaction_hash: bytes = Field(
        sa_type=LargeBinary(32),
        sa_column_args=[ForeignKey("transmission.hash", name="fk_transmission_item_transaction_hash")],
        primary_key=True,
    )
    place: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sequence: int = Field(
        sa_type=BigInteger,
        sa_column_args=[ForeignKey("outbox_item.sequence", name="fk_transmission_item_sequence")],
    )
