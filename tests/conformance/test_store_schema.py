"""Migrations make the schema that the tables describe, on both databases (``ledger.store.migrate``)."""

import sqlite3
import threading
from importlib.resources import files

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, make_url, text

from ledger.domain.acts import Withdrawal, dump
from ledger.domain.outbox import ItemState
from ledger.errors import ConfigurationError, Conflict
from ledger.store.database import Database
from ledger.store.migrate import configure, expected_revision, upgrade
from ledger.store.tables import METADATA
from tests.conformance.test_audit_store import LOG, append
from tests.support.stores import open_store


@pytest.fixture(params=("sqlite_url", "empty_postgresql_url"))
def empty(request) -> str:
    return request.getfixturevalue(request.param)


def test_the_head_file_names_the_newest_migration():
    folder = files("ledger.store") / "migrations"
    assert ScriptDirectory(str(folder)).get_heads() == [expected_revision()]


def test_migrating_an_empty_database_gives_the_tables(empty):
    open_store(empty).close()
    database = Database(empty)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert set(inspect(connection).get_table_names()) == {*METADATA.tables, "alembic_version"}
    database.close()


def test_opening_again_changes_nothing(empty):
    store = open_store(empty)
    append(store, LOG, 2)
    store.close()
    store = open_store(empty)
    assert store.audit.size(LOG) == 2
    store.close()


def test_events_of_an_older_schema_are_kept(empty):
    database = Database(empty)
    with database.writing() as connection:
        command.upgrade(configure(connection), "0012")
        values = {"hash": bytes(range(32)), "empty": b"", "body": b"body"}
        connection.execute(text("INSERT INTO block VALUES (7, :hash, :hash, 1, :hash)"), values)
        for place in (2, 1):
            names = "block_hash, log_index, block_number, transaction_hash, address, topics, data, body"
            given = f":hash, {place}, 7, :hash, :empty, :empty, :empty, :body"
            connection.execute(text(f"INSERT INTO event ({names}) VALUES ({given})"), values)
    upgrade(database)
    found = database.ask("SELECT block_number, log_index, block_hash FROM event ORDER BY block_number, log_index")
    assert found == [(7, 1, values["hash"]), (7, 2, values["hash"])]
    database.close()


def test_items_of_an_older_schema_keep_their_places_and_what_became_of_them(empty):
    names = "digest, subject, act, state, accepted_at, block, reason"
    acts = [
        Withdrawal(subject=LOG, id=bytes([place]) * 32, signer=bytes(20), signature=bytes(65)) for place in range(3)
    ]
    states = (ItemState.SEALED, ItemState.REFUSED, ItemState.ACCEPTED)
    database = Database(empty)
    with database.writing() as connection:
        command.upgrade(configure(connection), "0011")
        for act, state in zip(acts, states, strict=True):
            values = {"digest": act.id, "subject": LOG, "act": dump(act), "state": state}
            given = text(f"INSERT INTO outbox_item ({names}) VALUES (:digest, :subject, :act, :state, 1, 7, '')")
            connection.execute(given, values)
    database.close()
    store = open_store(empty)
    again = store.outbox.accept([(act.id, act) for act in acts], at=2)
    assert [(item.sequence, item.state) for item in again] == [
        (1, ItemState.SEALED),
        (4, ItemState.ACCEPTED),  # what was refused is a new item
        (3, ItemState.ACCEPTED),
    ]
    found = store.outbox.items(limit=9)
    assert [(item.act, item.state) for item in reversed(found)] == [
        *zip(acts, states, strict=True),
        (acts[1], ItemState.ACCEPTED),
    ]
    assert [item.sequence for item in store.outbox.revoking(0, 9, 9)] == [1, 2, 3, 4]
    store.close()


def test_a_newer_database_is_refused_and_left_alone(empty):
    store = open_store(empty)
    append(store, LOG, 1)
    store.close()
    database = Database(empty)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="9999"):
        open_store(empty)
    with database.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
        assert connection.execute(text("SELECT count(*) FROM audit_entry")).scalar() == 1
    database.close()


def test_programs_that_start_together_migrate_once(empty):
    problems = []

    def start() -> None:
        database = Database(empty)
        try:
            upgrade(database)
        except Exception as problem:  # noqa: BLE001 - handed to the test
            problems.append(problem)
        database.close()

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_opening_waits_for_another_that_is_making_the_file(sqlite_url):
    other = sqlite3.connect(make_url(sqlite_url).database, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # the journal is not yet a write-ahead log: SQLite refuses to turn it on at once
    end = threading.Timer(0.3, other.rollback)
    end.start()
    open_store(sqlite_url).close()
    end.join()
    other.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_entry SET leaf = canonical",
        "DELETE FROM audit_entry",
        "UPDATE tree_tile SET level = 9",
        "DELETE FROM tree_tile",
    ],
)
def test_the_database_refuses_to_change_the_logs(empty, change):
    store = open_store(empty)
    entries = append(store, LOG, 300)
    database = Database(empty)
    with pytest.raises(Conflict, match="append-only"), database.writing() as connection:
        connection.execute(text(change))
    assert list(store.audit.entries(LOG, 0, 300)) == entries
    database.close()
    store.close()


def test_a_server_that_does_not_wait_for_its_disk_is_refused(empty_postgresql_url):
    name = empty_postgresql_url.partition("?")[0].rpartition("/")[2]
    database = Database(empty_postgresql_url)
    with database.writing() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    database.close()
    with pytest.raises(ConfigurationError, match="synchronous_commit"):
        open_store(empty_postgresql_url)
