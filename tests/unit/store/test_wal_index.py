"""The headers of a log's index: they change with each commit, of any connection and process, and with nothing else."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.store import wal_index
from ledger.store.wal_index import open_index

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the index is read on Linux alone")

WRITE = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('insert into t values (1)'); c.commit()"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "some.sqlite")


@pytest.fixture
def reader(path):
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode=wal")
    connection.execute("create table t (x)")
    connection.commit()
    yield connection
    connection.close()


def count(connection):
    return connection.execute("select count(*) from t").fetchone()[0]


def test_every_commit_changes_them_and_reading_does_not(path, reader):
    index = open_index(path)
    assert index is not None
    with sqlite3.connect(path) as writer:
        seen = {index.headers()}
        for number in range(1, 20):
            writer.execute("insert into t values (1)")
            assert index.headers() in seen  # nobody else can see it yet
            writer.commit()
            assert index.headers() not in seen
            seen.add(index.headers())
            assert count(reader) == number
            assert index.headers() in seen
        writer.execute("insert into t values (1)")
        writer.rollback()
        assert index.headers() in seen
    writer.close()


def test_another_process_changes_them(path, reader):
    index = open_index(path)
    for number in (1, 2):
        before = index.headers()
        subprocess.run([sys.executable, "-c", WRITE, path], check=True)
        assert index.headers() != before
        assert count(reader) == number


@pytest.mark.parametrize("how", ["PASSIVE", "RESTART", "TRUNCATE"])
def test_a_log_that_starts_anew_is_still_followed(path, reader, how):
    index = open_index(path)
    seen = set()
    for _ in range(3):
        reader.execute("insert into t values (1)")
        reader.commit()
        assert index.headers() not in seen
        seen.add(index.headers())
        reader.execute(f"pragma wal_checkpoint({how})").fetchall()
        reader.execute("vacuum")
        assert index.headers() not in seen
        seen.add(index.headers())


def test_opening_it_and_letting_it_go_leaves_sqlites_locks(path, reader):
    reader.execute("begin immediate")
    for _ in range(2):
        assert open_index(path) is not None
    with pytest.raises(subprocess.CalledProcessError):  # its writer would wait five seconds, and then be refused
        subprocess.run(
            [sys.executable, "-c", WRITE.replace("argv[1]", "argv[1], timeout=0"), path],
            check=True,
            stderr=subprocess.DEVNULL,
        )
    reader.rollback()


def test_there_is_none_without_a_log(tmp_path):
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (x)")
    connection.close()
    assert open_index(str(path)) is None
    (tmp_path / "other.sqlite-shm").write_bytes(bytes(10))
    assert open_index(str(path)) is None
    (tmp_path / "other.sqlite-shm").write_bytes(bytes(200))
    assert open_index(str(path)) is None


def test_it_is_closed_once_sqlite_took_it_away(path, reader):
    open_index(path)
    shared = Path(f"{path}-shm")
    status = shared.stat()
    key = status.st_dev, status.st_ino
    assert key in wal_index._HELD
    reader.close()
    assert not shared.exists()
    assert open_index(path) is None
    assert key not in wal_index._HELD
