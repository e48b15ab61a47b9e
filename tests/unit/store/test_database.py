"""Connections, transactions and errors of SQLite (``ledger.store.database``)."""

import sqlite3
import threading

import pytest
from sqlalchemy import text

from ledger.errors import ConfigurationError, Conflict, NotReady
from ledger.store import database as module
from ledger.store.database import Database


@pytest.fixture
def database(sqlite_url):
    opened = Database(sqlite_url)
    with opened.writing() as connection:
        connection.execute(text("CREATE TABLE thing (name TEXT PRIMARY KEY)"))
    yield opened
    opened.close()


def names(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(text("SELECT name FROM thing ORDER BY name")).scalars())


def add(connection, name: str) -> None:
    connection.execute(text("INSERT INTO thing VALUES (:name)"), {"name": name})


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/db", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(url):
    with pytest.raises(ConfigurationError):
        Database(url)


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30_000)]
)
def test_sqlite_is_set_to_keep_what_it_was_given(database, pragma, value):
    with database.reading() as connection:
        assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == value


def synchronous(database: Database, **how: bool) -> int:
    with database.writing(**how) as connection:
        level: int = connection.execute(text("PRAGMA synchronous")).scalar_one()
        return level


def test_a_transaction_waits_for_the_disk_unless_it_need_not(database):
    full, normal = 2, 1
    assert [synchronous(database), synchronous(database, durable=False)] == [full, normal]
    assert synchronous(database) == full, "on the connection that was used before"


def test_a_block_that_raises_leaves_nothing(database):
    def fail() -> None:
        with database.writing() as connection:
            add(connection, "a")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert names(database) == []


def test_a_writer_holds_the_lock_from_the_start(database, sqlite_url):
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=0, isolation_level=None)
    with database.writing(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_reader_sees_one_state_throughout(database):
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM thing")).scalar() == 0
        with database.writing() as writer:
            add(writer, "a")
        assert connection.execute(text("SELECT count(*) FROM thing")).scalar() == 0
    assert names(database) == ["a"]


@pytest.mark.parametrize("kind", ["reading", "writing"])
def test_a_block_that_raised_over_an_open_result_leaves_no_old_state_behind(database, sqlite_url, kind):
    def fail() -> None:
        with getattr(database, kind)() as connection:
            rows = connection.execute(text("SELECT 1 FROM thing AS a, thing AS b"))
            for _ in rows:
                raise KeyError

    with database.writing() as connection:
        for name in ("a", "b"):
            add(connection, name)
    with pytest.raises(KeyError) as kept:  # the traceback keeps the result alive
        fail()
    another = Database(sqlite_url)
    with another.writing() as connection:
        add(connection, "c")
    another.close()
    assert [names(database) for _ in range(3)] == [["a", "b", "c"]] * 3
    assert kept.traceback


def test_writers_in_several_threads_wait_for_each_other(database):
    def work(start: int) -> None:
        for number in range(start, start + 20):
            with database.writing() as connection:
                add(connection, f"{number:03}")

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 80


def test_a_writer_that_waits_too_long_is_told_so(database, monkeypatch):
    monkeypatch.setattr(module, "LOCK_SECONDS", 0)
    with database.writing(), pytest.raises(NotReady, match="another thread"), database.writing():
        pass


def test_a_writer_waits_for_another_program_and_then_writes(database, sqlite_url, monkeypatch):
    other = Database(sqlite_url)
    monkeypatch.setattr(module, "LOCK_SECONDS", 60)

    def work() -> None:
        with other.writing() as connection:
            add(connection, "theirs")

    with database.writing() as connection:
        waiting = threading.Thread(target=work)
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        add(connection, "ours")
    waiting.join()
    assert sorted(names(database)) == ["ours", "theirs"]
    with other.writing() as connection:  # other statements wait as long as before
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 60_000
    other.close()


def test_a_writer_that_waits_too_long_for_another_program_is_told_so(database, sqlite_url, monkeypatch):
    other = Database(sqlite_url)
    with other.reading():
        pass  # it is open before nobody may wait
    monkeypatch.setattr(module, "LOCK_SECONDS", 0)
    with database.writing(), pytest.raises(NotReady, match="locked"), other.writing():
        pass
    other.close()


def test_a_row_that_contradicts_another_is_a_conflict_without_its_values(database):
    with database.writing() as connection:
        add(connection, "secret")
    with pytest.raises(Conflict, match=r"thing\.name") as caught, database.writing() as connection:
        add(connection, "secret")
    assert "secret" not in str(caught.value)
    with pytest.raises(Conflict, match=r"thing\.name"), database.writing() as connection:
        database.run_many(connection, "INSERT INTO thing VALUES (?)", [("secret",)])


def test_a_database_that_cannot_be_opened_is_not_ready(tmp_path):
    unreachable = Database(f"sqlite:///{tmp_path / 'missing' / 'folder.db'}")
    with pytest.raises(NotReady, match="does not answer"), unreachable.reading():
        pass


def test_a_file_that_is_no_database_is_not_ready(tmp_path):
    path = tmp_path / "text.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(NotReady), Database(f"sqlite:///{path}").reading() as connection:
        connection.execute(text("SELECT 1 FROM thing"))
