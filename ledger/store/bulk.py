"""Many plain rows at once, past the ORM: on SQLite by INSERTs of many rows, on PostgreSQL by binary COPY.

One INSERT of many rows is no less work than as many INSERTs, but SQLite is at it for milliseconds without the
interpreter's lock: so what comes next is read meanwhile, where else each row waited for its turn. What does not fill a
whole one is halved, and halved again, for the same reason: ten INSERTs at most, each of a size that the driver knows.
"""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

ROWS = 512
"""Rows of one INSERT, a power of two; SQLite takes 32,766 parameters (since 3.32)."""
_STATEMENTS = 256
"""INSERTs kept, some kilobytes each: ten a table, and one set of columns."""

Rows = Sequence[Sequence[Any]]

_NOTHING: Final[dict[None, None]] = {}

# Of bytes and of None, SQLite's driver asks each single value whether it adapts itself, and words an error where it
# does not: twice the work of taking it. It asks for nothing where it is told how. Bytes stay what they are, uncopied;
# what is looked up among nothing is None. Neither answer needs a frame of the interpreter.
sqlite3.register_adapter(bytes, bytes.__bytes__)
sqlite3.register_adapter(type(None), _NOTHING.get)


def insert(cursor: Any, into: str, rows: Rows) -> None:
    """Add rows on SQLite.

    Args:
        cursor: Of the bare driver.
        into: The table and its columns, quoted.
        rows: Values in the order of the columns.
    """
    if not rows:
        return
    start, size = 0, ROWS
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        cursor.execute(_statement(into, len(rows[0]), size), list(chain.from_iterable(rows[start : start + size])))
        start += size


@lru_cache(_STATEMENTS)
def _statement(into: str, columns: int, rows: int) -> str:
    """One INSERT. It is the same string each time, so that the driver need not hash kilobytes to find it prepared."""
    one = f"({', '.join('?' * columns)})"
    return f"INSERT INTO {into} VALUES {one}" + f", {one}" * (rows - 1)  # noqa: S608 - names of our tables


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
