"""Whoever changes a row of the mirror by hand is found: any column of any table, a row less, a row more."""

import sqlite3
from contextlib import closing, contextmanager

import pytest

from ledger.errors import MirrorDiverged
from ledger.services.mirror_verify import verify_mirror
from ledger.services.sync import Mirror
from ledger.store.kinds import KINDS
from ledger.store.tables import METADATA
from tests.fakes.chain import FakeChain, FakeClock
from tests.fakes.histories import History
from tests.support.stores import open_store

TABLES = ("block", "event", "mirror_cursor", *(kind.table.name for kind in KINDS))
NAMES = {kind.table.name: kind.name for kind in KINDS}


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """A chain in which every kind of fact has several versions, its mirror, and the database behind it."""
    path = tmp_path_factory.mktemp("mirror") / "mirror.db"
    chain, history = FakeChain(), History(3)
    chain.mine(*history.opening())
    for _ in range(40):
        chain.mine(*history.block())
    store = open_store(f"sqlite:///{path}")
    Mirror(chain, store.mirror, FakeClock()).catch_up()
    yield chain, store, path
    store.close()


@pytest.fixture
def verify(mirrored):
    chain, store, _ = mirrored
    verify_mirror(chain, store.mirror)
    yield lambda: verify_mirror(chain, store.mirror)
    verify_mirror(chain, store.mirror)  # the test has put everything back


@pytest.fixture
def database(mirrored):
    with closing(sqlite3.connect(mirrored[2], isolation_level=None)) as connection:
        yield connection


def other(value):
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1]) if value else b"\x01"
    if isinstance(value, str):
        return value + "x"
    return 1 if value is None else value + 1000 if value not in (0, 1) else 1 - value


def key_of(table: str) -> list[str]:
    return [column.name for column in METADATA.tables[table].primary_key]


def rows_of(database, table: str) -> list[dict]:
    names = [column.name for column in METADATA.tables[table].columns]
    listed = ", ".join(f'"{name}"' for name in names)
    return [dict(zip(names, row, strict=True)) for row in database.execute(f"SELECT {listed} FROM {table}")]


def put(database, table: str, row: dict) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def drop(database, table: str, row: dict) -> None:
    match = " AND ".join(f'"{name}" IS ?' for name in row)
    assert database.execute(f"DELETE FROM {table} WHERE {match}", list(row.values())).rowcount == 1


@contextmanager
def replaced(database, table: str, row: dict | None, wrong: dict | None):
    """Put a wrong row in a row's place, and the row back afterwards."""
    if row is not None:
        drop(database, table, row)
    try:
        if wrong is not None:
            put(database, table, wrong)
        yield
        if wrong is not None:
            drop(database, table, wrong)
    finally:
        if row is not None:
            put(database, table, row)


def named(caught, table: str) -> bool:
    words = str(caught.value)
    return any(words.startswith((f"{name} ", f"table {table}")) for name in (table, NAMES.get(table, table)))


@pytest.mark.parametrize("table", TABLES)
def test_a_changed_column_is_named(database, verify, table):
    rows = rows_of(database, table)
    assert rows
    for column in rows[0]:
        if (table, column) == ("mirror_cursor", "id"):
            continue  # the number of the only row; it says nothing
        row = rows[len(rows) // 2]
        wrong = {**row, column: other(row[column])}
        with replaced(database, table, row, wrong), pytest.raises(MirrorDiverged) as caught:
            verify()
        assert named(caught, table), f"{table}.{column}: {caught.value}"


@pytest.mark.parametrize("table", [table for table in TABLES if table != "mirror_cursor"])
def test_a_missing_row_is_named(database, verify, table):
    for row in rows_of(database, table)[:: max(1, len(rows_of(database, table)) // 3)]:
        if table == "block" and row["number"] == max(other["number"] for other in rows_of(database, table)):
            continue  # the cursor's own block; its loss is named as the cursor's
        with replaced(database, table, row, None), pytest.raises(MirrorDiverged) as caught:
            verify()
        assert named(caught, table)


@pytest.mark.parametrize("table", [table for table in TABLES if table != "mirror_cursor"])
@pytest.mark.parametrize("shift", [-10, 0, 10_000])
def test_an_additional_row_is_named(database, verify, table, shift):
    row = dict(rows_of(database, table)[0])
    for column in key_of(table):
        row[column] = other(row[column])
    if table == "block":
        row |= {"number": 99_999 + shift, "hash": b"\x77" * 32}
    elif table == "event":
        row["block_number"] += shift
    else:
        row["from_block"] += shift
    with replaced(database, table, None, row), pytest.raises(MirrorDiverged) as caught:
        verify()
    assert named(caught, table)


def test_a_version_that_was_ended_or_opened_by_hand_is_named(database, verify):
    for table in NAMES:
        for ended in (True, False):
            row = next((row for row in rows_of(database, table) if (row["to_block"] is not None) is ended), None)
            if row is None:
                continue
            wrong = {**row, "to_block": None if ended else row["from_block"]}
            with replaced(database, table, row, wrong), pytest.raises(MirrorDiverged, match="to_block") as caught:
                verify()
            assert named(caught, table)
