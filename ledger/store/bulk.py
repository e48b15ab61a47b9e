"""Many plain rows at once, past the ORM: on SQLite by INSERTs of many rows, on PostgreSQL by binary COPY.

One INSERT of many rows is no less work than as many INSERTs, but SQLite is at it for milliseconds without the
interpreter's lock: so what comes next is read meanwhile, where else each row waited for its turn.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

ROWS = 500
"""Rows of one INSERT; SQLite takes 32,766 parameters (since 3.32)."""

Rows = Sequence[Sequence[Any]]


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
    statement = f"INSERT INTO {into} VALUES {one}"  # noqa: S608 - names of our tables
    many = statement + f", {one}" * (ROWS - 1)
    whole = len(rows) - len(rows) % ROWS
    for start in range(0, whole, ROWS):
        cursor.execute(many, list(chain.from_iterable(rows[start : start + ROWS])))
    cursor.executemany(statement, rows[whole:])


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
