"""A value of another kind than its column's, which SQLite keeps wherever it is put, is a finding and stops nothing."""

import itertools
import shutil
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from ledger.services.fsck import check_logs
from ledger.store import tables
from ledger.store.scanning import scanning
from ledger.store.tables.base import table_of
from tests.support.exhibit import exhibit
from tests.support.stores import open_store
from tests.support.tampering import sql

# for each table a row of it
ROWS = {
    tables.AuditLog: "1",
    tables.AuditEntry: '"index" = 3',
    tables.TreeTile: "1",
    tables.Checkpoint: "size = (SELECT max(size) FROM checkpoint)",
    tables.Decision: "number = (SELECT min(number) FROM decision)",
    tables.DecisionMember: "decision = (SELECT min(decision) FROM decision_member) AND outcome = 1 AND "
    "subject = (SELECT min(subject) FROM decision_member WHERE outcome = 1 AND "
    "decision = (SELECT min(decision) FROM decision_member))",
    tables.ErasedMember: "1",
}
COLUMNS = [
    pytest.param(table_of(kind), column, where, id=f"{column.table.name}.{column.name}")
    for kind, where in ROWS.items()
    for column in table_of(kind).columns
]
VALUES = {"null": None, "integer": 1 << 40, "real": 2.5, "text": "x", "blob": b"x"}
NAMES = {bytes: "blob", str: "text", int: "integer"}
# the tile of the test belongs to no other, so that nobody misses it
UNMISSED = {"tree_tile.log", "erased_member.decision"}
_numbers = itertools.count()


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """What checks look at beside the database, and a database with a row in every table of logs."""
    folder = tmp_path_factory.mktemp("past")
    with exhibit(folder / "home") as shown:
        context = shown.ledger.context
        mirror = SimpleNamespace(
            current=list(context.mirror.current("Head")),
            heads=list(context.mirror.heads_of(shown.log)),
            accesses=list(context.mirror.accesses_of(shown.log)),
        )
    file = folder / "home" / "ledger.sqlite"
    with sql(folder / "home") as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '') WHERE type = 'table'")
        connection.execute("INSERT INTO tree_tile VALUES (1, 2, 7, zeroblob(32), zeroblob(8192))")
        connection.execute("INSERT INTO erased_member SELECT max(number), 9, zeroblob(32) FROM decision")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file, mirror, context.log_keys


def found(file, past, jobs=1):
    """What a check of every log finds in a file."""
    _, mirror, keys = past
    store = open_store(f"sqlite:///{file}")
    known = SimpleNamespace(
        current=lambda _: mirror.current, heads_of=lambda _: mirror.heads, accesses_of=lambda _: mirror.accesses
    )
    ports = SimpleNamespace(audit=store.audit, mirror=known, log_keys=keys)
    scan = scanning(store.audit, store.audit._database.address, jobs, least=0)
    try:
        return [finding for health in check_logs(ports, scan=scan) for finding in health.findings]
    finally:
        store.close()


def spoilt(file, statement, value):
    """Whether a statement could be carried out by the attacker's hand, and what it left of its column."""
    with closing(sqlite3.connect(file)) as connection:
        try:
            assert connection.execute(statement, (value,)).rowcount
        except sqlite3.Error:  # a primary key that takes no NULL, or a row id that takes integers alone
            return False
        connection.commit()
        return True


@pytest.mark.parametrize(("table", "column", "where"), COLUMNS)
def test_a_value_of_another_kind_is_a_finding(past, tmp_path, table, column, where):
    original, *_ = past
    before = set(found(original, past))
    name = f"{table.name}.{column.name}"
    tried = 0
    for kind, value in VALUES.items():
        if kind == NAMES[column.type.python_type] or (kind == "null" and column.nullable):
            continue
        file = tmp_path / f"{kind}.sqlite"
        shutil.copy(original, file)
        if not spoilt(file, f'UPDATE {table.name} SET "{column.name}" = ? WHERE {where}', value):
            continue
        with closing(sqlite3.connect(file)) as connection:
            kinds = {row[0] for row in connection.execute(f'SELECT typeof("{column.name}") FROM {table.name}')}
        if kind not in kinds:  # a number as a text is a text
            continue
        tried += 1
        new = [finding for finding in found(file, past) if finding not in before]
        assert new or name in UNMISSED, (kind, new)
        if name == "audit_entry.canonical":
            assert new[0].index == 3
            assert found(file, past, jobs=2) == found(file, past)
    assert tried or column.primary_key


def test_a_number_that_is_no_index_is_a_finding(past, tmp_path):
    original, *_ = past
    for value in (-1, "x", b"x", 1e300, None):
        file = tmp_path / f"{next(_numbers)}.sqlite"
        shutil.copy(original, file)
        statement = (
            'INSERT INTO audit_entry (log, "index", canonical, leaf) SELECT log, ?, canonical, leaf FROM audit_entry'
        )
        assert spoilt(file, f'{statement} WHERE "index" = 0', value)
        assert any("no index" in finding.detail for finding in found(file, past))
