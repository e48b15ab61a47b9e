"""Rows in bulk: all of them, in their order, in few statements, whatever their number."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.store import bulk


class _Counting(sqlite3.Cursor):
    def __init__(self, connection):
        super().__init__(connection)
        self.statements = 0

    def execute(self, *arguments):
        self.statements += 1
        return super().execute(*arguments)


@given(st.integers(0, 4 * bulk.ROWS))
def test_any_number_of_rows_goes_in_by_few_statements(count):
    rows = [(number, b"%d" % number if number % 3 else None) for number in range(count)]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE thing (number INTEGER PRIMARY KEY, name BLOB)")
        cursor = _Counting(connection)
        bulk.insert(cursor, "thing (number, name)", rows)
        assert cursor.statements <= count // bulk.ROWS + bulk.ROWS.bit_length() - 1
        assert connection.execute("SELECT number, name FROM thing").fetchall() == rows


@pytest.mark.parametrize("value", [b"", b"\x00\xff", None, 0, -(2**63), "", "é", 0.5])
def test_the_driver_gives_back_what_it_took(value):
    with closing(sqlite3.connect(":memory:")) as connection:
        ((found, again),) = connection.execute("SELECT ?, ?", (value, value)).fetchall()
        assert (found, type(found)) == (again, type(again)) == (value, type(value))
