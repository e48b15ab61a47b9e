"""What all tables share.

Invariants: identifiers and hashes are 32 raw bytes; times are whole seconds UTC and numbers whole, so that no column is
a float or a local time; every constraint and index has a name, so that migrations can speak of it.
"""

from typing import Any, ClassVar, cast

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, MetaData, Table, Text, text
from sqlmodel import Field, SQLModel

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
# SQLite only gives out rising row numbers to a column of type INTEGER; PostgreSQL needs the wide type.
SERIAL = BigInteger().with_variant(Integer(), "sqlite")


class Row(SQLModel):
    """Base of all tables."""

    metadata: ClassVar[MetaData] = METADATA


class IntervalRow(Row):
    """One version of one fact: it held in blocks ``[from_block, to_block)``; ``to_block`` null: still.

    ``from_block == to_block`` where a later event of the same block replaced it. ``place`` is the log index of the
    event that made it. The primary key of every such table is ``from_block``, ``place`` and the fact's key.
    """

    from_block: int = Field(sa_type=BigInteger, primary_key=True)
    to_block: int | None = Field(default=None, sa_type=BigInteger)
    place: int = Field(sa_type=Integer, primary_key=True)


def hash_column(*, key: bool = False, **more: Any) -> Any:
    """32 bytes: an identifier, a hash or a digest."""
    return Field(sa_type=LargeBinary(32), primary_key=key, nullable=False, **more)


def bytes_column(*, key: bool = False) -> Any:
    """Bytes of any length."""
    return Field(sa_type=LargeBinary, primary_key=key, nullable=False)


def number_column(*, key: bool = False) -> Any:
    """A whole number of up to 63 bits: seconds, sizes, masks, block numbers."""
    return Field(sa_type=BigInteger, primary_key=key, nullable=False, sa_column_kwargs={"autoincrement": False})


def small_column() -> Any:
    """A whole number of up to 31 bits: states, versions, places."""
    return Field(sa_type=Integer, nullable=False)


def text_column(*, key: bool = False) -> Any:
    """Text."""
    return Field(sa_type=Text, primary_key=key, nullable=False)


def flag_column() -> Any:
    """Yes or no."""
    return Field(sa_type=Boolean, nullable=False)


def interval_arguments(table: str, *key: str, more: tuple[Index, ...] = ()) -> tuple[Any, ...]:
    """Table arguments of a table of intervals whose fact has this key.

    SQLite keeps the rows themselves in the order of the chain, so that new ones go to the end; one index finds the
    versions of a key, one the versions that ended since a block (for roll-backs).
    """
    ended = text("to_block IS NOT NULL")
    found = (Index(f"ix_{table}_key", *key, "from_block", "place"),) if key else ()
    return (
        *found,
        Index(f"ix_{table}_to_block", "to_block", sqlite_where=ended, postgresql_where=ended),
        *more,
        {"sqlite_with_rowid": False},
    )


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a model, for the paths that do not use the ORM."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]
