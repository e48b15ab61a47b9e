"""SQLite's write-ahead log is copied beside its writers (``ledger.store.wal``)."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from sqlalchemy import text

from ledger.errors import NotReady
from ledger.store import wal
from ledger.store.database import Database
from ledger.store.wal import LONG

MEGABYTE = 1024 * 1024
PATIENCE = 60.0  # seconds
LITTLE = 1_000  # frames


@pytest.fixture
def file(sqlite_url):
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def database(sqlite_url):
    opened = Database(sqlite_url)
    with opened.writing() as connection:
        connection.execute(text("CREATE TABLE thing (number INTEGER PRIMARY KEY, data BLOB)"))
    yield opened
    opened.close()


def write(database, size):
    with database.writing() as connection:
        connection.execute(text("INSERT INTO thing (data) VALUES (:data)"), {"data": bytes(size)})


def length(file):
    return Path(f"{file}-wal").stat().st_size


def keepers():
    return [thread for thread in threading.enumerate() if thread.name == "wal"]


def until(holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_erasure_waits_for_another_process_that_copies_the_log(database, file):
    def other(timeout):
        return closing(sqlite3.connect(file, isolation_level=None, timeout=timeout, check_same_thread=False))

    with other(0) as reader, other(PATIENCE) as copier, other(0) as watcher:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM thing").fetchall()
        write(database, 1000)
        copies = []

        def is_held():
            """Whether the copier waits for the reader, and lets nobody else copy; two at once, and one gives up."""
            if not (copies and copies[-1].is_alive()):
                ask = ("PRAGMA wal_checkpoint(RESTART)",)
                copies.append(threading.Thread(target=copier.execute, args=ask, daemon=True))
                copies[-1].start()
            copies[-1].join(0.2)
            return copies[-1].is_alive() and watcher.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[0]

        done = []
        erasing = threading.Thread(target=lambda: done.append(database.scrub([])), daemon=True)
        try:
            until(is_held)
            erasing.start()
            erasing.join(0.2)  # what did not wait has ended by now
            assert copies[-1].is_alive()
            assert erasing.is_alive()
        finally:
            reader.execute("ROLLBACK")
            copies[-1].join(PATIENCE)
        erasing.join(PATIENCE)
    assert done == [None]
    assert length(file) == 0


def test_a_short_log_is_left_alone(database, file):
    for _ in range(5):
        write(database, 1000)
    assert 0 < length(file) < LONG
    assert keepers() == []


def test_a_long_log_is_copied_and_given_back_once_little_is_written(database, file):
    for _ in range(8):
        write(database, MEGABYTE)

    def given_back():
        write(database, 1)
        return length(file) < LONG

    until(given_back)
    with closing(sqlite3.connect(f"file:{file}?immutable=1", uri=True)) as without_log:
        assert without_log.execute("SELECT count(*) FROM thing WHERE length(data) > 1").fetchone() == (8,)


def test_a_commit_does_not_wait_for_a_copy_that_is_under_way(database, file):
    keeper = database._wal
    with keeper.paused():  # holds what a copy holds
        writer = threading.Thread(target=lambda: [write(database, MEGABYTE) for _ in range(8)], daemon=True)
        writer.start()
        writer.join(PATIENCE)
        assert not writer.is_alive()
        assert length(file) > LONG


def test_a_log_in_full_swing_begins_anew_instead_of_growing(database, file):
    written, longest = 0, 0
    deadline = time.monotonic() + PATIENCE
    while written < 200 * MEGABYTE and time.monotonic() < deadline:
        write(database, MEGABYTE)
        written, longest = written + MEGABYTE, max(longest, length(file))
        if written > 2 * longest:
            return
    raise AssertionError((written, longest))


@pytest.mark.parametrize("most", [wal._MOST, LITTLE])
def test_who_writes_very_much_is_kept_waiting_only_for_a_very_long_log(database, monkeypatch, most):
    monkeypatch.setattr(wal, "_MOST", most)
    keeper = database._wal
    keeper._writer = waited = MagicMock()
    keeper._thread = threading.current_thread()  # none but this test copies
    with closing(database.detached()) as connection:
        write(database, 12 * MEGABYTE)
        keeper._asked.clear()
        keeper._copy(connection)
        assert waited.__enter__.call_count == (most == LITTLE)
        assert keeper._asked.is_set() == (most != LITTLE), "what it leaves it comes back for"
        waited.reset_mock()
        keeper._copy(connection)
        assert waited.__enter__.call_count == 1, "little was written meanwhile"
    keeper._thread = None


def test_closing_ends_the_copy(database):
    write(database, 2 * LONG)
    assert len(keepers()) == 1
    database.close()
    assert keepers() == []


def test_an_erasure_is_let_past(database, file):
    for _ in range(12):
        write(database, MEGABYTE)
        database.scrub([])
        assert length(file) == 0


def test_what_cannot_be_copied_stays_and_is_copied_later(database, file):
    """A reader keeps its old state of the database, so that the log cannot begin anew; nobody is told of it."""
    write(database, 1)
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM thing").fetchone() == (1,)
        for _ in range(8):
            write(database, MEGABYTE)
        assert reader.execute("SELECT count(*) FROM thing").fetchone() == (1,)
    until(lambda: (write(database, 1), length(file) < LONG)[1])


def test_a_commit_stands_though_nobody_can_be_found_to_copy(database, file, monkeypatch):
    def none_left(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        write(database, 2 * LONG)
        assert keepers() == []
    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", MagicMock(side_effect=PermissionError))
        write(database, 1)
    write(database, 1)
    assert len(keepers()) == 1, "a later commit tries again"


def test_a_copy_that_finds_no_connection_is_tried_again(database, file):
    keeper = database._wal
    connect, tries = keeper._connect, []

    def refused():
        tries.append(1)
        raise NotReady("too many files are open")

    keeper._connect = refused
    write(database, 2 * LONG)
    until(lambda: tries and keepers() == [])
    keeper._connect = connect
    write(database, 1)
    assert len(keepers()) == 1
