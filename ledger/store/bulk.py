"""Many plain rows at once, past the ORM: on SQLite by INSERTs of many rows, on PostgreSQL by binary COPY.

One INSERT of many rows is no less work than as many INSERTs, but SQLite is at it for milliseconds without the
interpreter's lock: so what comes next is read meanwhile, where else each row waited for its turn. What does not fill a
whole one is halved, and halved again, for the same reason: ten INSERTs at most, each of a size that the driver knows.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

ROWS = 512
"""Rows of one INSERT, a power of two; SQLite takes 32,766 parameters (since 3.32)."""

Rows = Sequence[Sequence[Any]]

# Of bytes and of None, SQLite's driver asks each single value whether it adapts itself, and words an error where it
# does not: twice the work of taking it. It asks for nothing where it is told how.
sqlite3.register_adapter(bytes, bytearray)
sqlite3.register_adapter(type(None), lambda nothing: nothing)


def insert(cursor: Any, into: str, rows: Rows) -> None:
    """Add rows on SQLite.

    Args:
        cursor: Of the bare driver.
        into: The table and its columns, quoted.
        rows: Values in the order of the columns.
    """
    if not rows:
        return
    one = f"({', '.join('?' * len(rows[0]))})"
    start, size = 0, ROWS
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        statement = f"INSERT INTO {into} VALUES {one}" + f", {one}" * (size - 1)  # noqa: S608 - names of our tables
        cursor.execute(statement, list(chain.from_iterable(rows[start : start + size])))
        start += size


def copy(cursor: Any, into: str, types: Sequence[str], rows: Rows) -> None:
    """Add rows on PostgreSQL.

    Args:
        cursor: Of the bare driver.
        into: The table and its columns, quoted.
        types: PostgreSQL's names of the columns' types; a binary COPY converts nothing.
        rows: Values in the order of the columns.
    """
    if not rows:
        return
    with cursor.copy(f"COPY {into} FROM STDIN (FORMAT BINARY)") as copying:
        copying.set_types(types)
        for row in rows:
            copying.write_row(row)
