"""The hand of somebody who owns the database: SQL past every trigger, on SQLite and on PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from ledger.domain.audit import Kind, NewEntry
from ledger.services.append import Appender
from ledger.store.store import Store
from ledger.transparency import canonical

LOG_TABLES = ("checkpoint", "audit_entry", "tree_tile")


@contextmanager
def hand(url: str) -> Iterator[sa.Connection]:
    """A connection on which no trigger fires; committed at the end."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SET session_replication_role = replica"))
        else:
            triggers = connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
            for (name,) in triggers.all():
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
        yield connection
    engine.dispose()


@contextmanager
def sql(home: Path) -> Iterator[sqlite3.Connection]:
    """The database file of a data folder itself, without the triggers; committed at the end."""
    connection = sqlite3.connect(home / "ledger.sqlite")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    yield connection
    connection.commit()
    connection.close()


def change(connection: sa.Connection, statement: str, **values: object) -> None:
    """One statement, which must meet a row."""
    assert connection.execute(sa.text(statement), values).rowcount, f"nothing was changed by {statement}"


def empty(connection: sa.Connection) -> None:
    """Take away every entry, tree and checkpoint."""
    for table in LOG_TABLES:
        connection.execute(sa.text(f"DELETE FROM {table}"))


def written(document: dict) -> NewEntry:
    """What a writer would hand over to get this entry."""
    block = document["block"]
    return NewEntry(
        kind=Kind(document["kind"]),
        actor=document["actor"],
        study=document["study"],
        engine=document["engine"],
        operation=document["operation"],
        decision=document["decision"],
        block=None if block is None else (block["number"], block["hash"]),
        facts=document["facts"],
    )


def rewrite(store: Store, url: str, log: bytes, keys, documents: list[dict]) -> None:
    """Put other entries in a log's place: rows, tree and signed heads, all as if they had been written so.

    The ledger's own sequencer writes them, with the log's own key, so that nothing in the database contradicts them.
    """
    with hand(url) as connection:
        empty(connection)
    clock = _Times()
    appender = Appender(store.audit, clock, keys)
    for place, document in enumerate(documents):
        clock.at = document["time"]
        appender.append(log, f"forged-{place}", [written(document)])


def documents_of(store: Store, log: bytes) -> list[dict]:
    """All entries of a log, decoded."""
    return [canonical.decode_object(entry.canonical) for entry in store.audit.entries(log, 0, store.audit.size(log))]


class _Times:
    at = 0

    def now(self) -> int:
        return self.at
