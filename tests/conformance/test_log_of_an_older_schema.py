"""A log that was written before trees were kept in tiles is the same log afterwards, on both databases (0011)."""

from types import SimpleNamespace

import pytest
from alembic import command
from sqlalchemy import text

from ledger.domain.audit import Kind, NewEntry
from ledger.identity.seals import FileLogKeys
from ledger.services.append import Appender
from ledger.services.fsck import Fault, check_log
from ledger.store.database import Database
from ledger.store.migrate import configure
from ledger.transparency import canonical
from ledger.transparency.checkpoint import Checkpoint, write_checkpoint
from ledger.transparency.edge import Edge
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.proofs import verify_consistency, verify_inclusion
from ledger.transparency.tree import consistency_proof, inclusion_proof, root_at
from tests.support.stores import open_store
from tests.support.tampering import change as change_row
from tests.support.tampering import hand

LOG, TIME = b"\x0a" * 32, 1_700_000_000
APPENDS = {"a#0": 1, "a": 3, "many": 420, "one": 1, "rest": 175}
"""Entries by key. Each key was written with a number behind it, so that the first of ``a`` stood under ``a#0``."""
SIZE = sum(APPENDS.values())
ENTRY = (
    'INSERT INTO audit_entry (log, "index", canonical, leaf, key, decision) '
    "VALUES (:log, :index, :canonical, :leaf, :key, :decision)"
)
NODE = 'INSERT INTO tree_node (log, level, "index", hash) VALUES (:log, :level, :index, :hash)'
HEAD = "INSERT INTO checkpoint (log, size, root, note, made_at) VALUES (:log, :size, :root, :note, :at)"
APPEND_ONLY = ("audit_entry_no_update", "audit_entry_no_delete")  # triggers that the migration takes away
DECISION = b"\x0d" * 32


def entry(place: int) -> NewEntry:
    return NewEntry(Kind.ACCESSED, "engine", decision="0x" + DECISION.hex(), facts={"run": f"run {place}"})


@pytest.fixture(params=("sqlite_url", "empty_postgresql_url"))
def older(request, tmp_path):
    """The address of a database of revision 0010 with a log in it, the log's keys, and its leaves."""
    url, keys = request.getfixturevalue(request.param), FileLogKeys(tmp_path / "keys")
    documents = [canonical.encode(entry(place).document(log=LOG, index=place, time=TIME)) for place in range(SIZE)]
    leaves = [leaf_hash(document) for document in documents]
    edge, runs = Edge().extend(leaves)
    note = write_checkpoint(Checkpoint(LOG, SIZE, edge.root()), [keys.note_signer(LOG)])
    names = [f"{key}#{place}" for key, count in APPENDS.items() for place in range(count)]
    rows = [
        {"log": 1, "index": index, "canonical": document, "leaf": leaf, "key": name, "decision": DECISION}
        for index, (document, leaf, name) in enumerate(zip(documents, leaves, names, strict=True))
    ]
    nodes = [
        {"log": 1, "level": run.level, "index": run.first + place, "hash": digest}
        for run in runs[1:]
        for place, digest in enumerate(run.hashes)
    ]
    database = Database(url)
    with database.writing() as connection:
        command.upgrade(configure(connection), "0010")
        connection.execute(text("INSERT INTO audit_log (number, log) VALUES (1, :log)"), {"log": LOG})
        connection.execute(text(ENTRY), rows)
        connection.execute(text(NODE), nodes)
        head = {"log": 1, "size": SIZE, "root": edge.root(), "note": note, "at": TIME}
        connection.execute(text(HEAD), head)
    yield SimpleNamespace(url=url, keys=keys, leaves=leaves, root=edge.root(), database=database)
    database.close()


def found(store, older):
    ports = SimpleNamespace(audit=store.audit, mirror=store.mirror, log_keys=older.keys)
    return [(finding.fault, finding.index) for finding in check_log(ports, LOG).findings]


def test_its_proofs_hold_and_nothing_is_found(older):
    store = open_store(older.url)
    assert found(store, older) == []
    nodes = store.audit.nodes(LOG)
    assert root_at(nodes, SIZE) == older.root
    for index in (0, 3, 255, 256, SIZE - 1):
        verify_inclusion(older.leaves[index], index, SIZE, inclusion_proof(nodes, index, SIZE), older.root)
    verify_consistency(4, SIZE, root_at(nodes, 4), older.root, consistency_proof(nodes, 4, SIZE))
    store.close()


def test_each_append_keeps_its_key_and_the_log_goes_on(older):
    store = open_store(older.url)
    appender = Appender(store.audit, SimpleNamespace(now=lambda: TIME + 1), older.keys)
    first = 0
    for key, count in APPENDS.items():
        again = appender.append(LOG, key, [entry(place) for place in range(first, first + count)])
        assert [(one.index, one.leaf) for one in again.entries] == list(enumerate(older.leaves))[first : first + count]
        first += count
    assert store.audit.size(LOG) == SIZE
    appender.append(LOG, "new", [entry(SIZE)] * 200)
    assert found(store, older) == []
    store.close()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ('UPDATE tree_node SET hash = leaf FROM audit_entry e WHERE level = 8 AND e."index" = 0', (Fault.NODE, 0)),
        ('DELETE FROM audit_entry WHERE "index" = 300', (Fault.MISSING, 300)),
        ("UPDATE audit_entry SET key = 'other#7' WHERE \"index\" = 300", (Fault.COLUMN, 300)),
    ],
)
def test_what_was_changed_before_shows_afterwards(older, change, fault):
    with hand(older.url) as connection:
        change_row(connection, change)
        for name in APPEND_ONLY if older.database.sqlite else ():
            connection.execute(text(f"CREATE TRIGGER {name} BEFORE UPDATE ON audit_entry BEGIN SELECT 1; END"))
    store = open_store(older.url)
    assert fault in found(store, older)
    store.close()
