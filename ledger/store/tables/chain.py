"""What was taken in of the chain, as it came, and who may write it."""

from sqlalchemy import BigInteger
from sqlmodel import Field

from ledger.store.tables.base import Row, bytes_column, hash_column, number_column, text_column


class Block(Row, table=True):
    """A block of the canonical chain, as of the cursor; ``digest`` is the state digest after it."""

    __tablename__ = "block"
    number: int = number_column(key=True)
    hash: bytes = hash_column(unique=True)
    parent: bytes = hash_column()
    timestamp: int = number_column()
    digest: bytes = hash_column()


class Event(Row, table=True):
    """A raw event. ``topics`` are joined, 32 bytes each.

    The table holds one chain at a time, so a number names a block as its hash does, and new rows go to the key's end.
    No foreign key: each row is written with its block, and taken back with it.
    """

    __tablename__ = "event"
    block_number: int = number_column(key=True)
    log_index: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    block_hash: bytes = hash_column()
    transaction_hash: bytes = hash_column()
    address: bytes = bytes_column()
    topics: bytes = bytes_column()
    data: bytes = bytes_column()


class MirrorCursor(Row, table=True):
    """The one row that says how far the mirror has come; moved by compare-and-set."""

    __tablename__ = "mirror_cursor"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    number: int = Field(sa_type=BigInteger)
    hash: bytes = hash_column()
    digest: bytes = hash_column()


class WriterLease(Row, table=True):
    """The one row that says who may write the mirror. ``fence`` rises with every change of hands."""

    __tablename__ = "writer_lease"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    holder: str = text_column()
    fence: int = number_column()
    expires_at: int = number_column()
