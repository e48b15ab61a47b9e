"""Every attack on the stored log that the design's table names, on SQLite and on PostgreSQL alike.

One past, and a copy of its database for each attack. What the finding is called and which entry it names first must
not depend on the database.
"""

import itertools
import shutil
from dataclasses import dataclass, replace

import psycopg
import pytest

from ledger.domain.audit import Kind
from ledger.services.fsck import Fault, check_log
from ledger.transparency import canonical
from ledger.transparency.hashing import leaf_hash
from tests.fixtures_store import postgresql_server
from tests.support.exhibit import Exhibit, exhibit
from tests.support.stores import open_store
from tests.support.tampering import change, documents_of, empty, hand, rewrite

__all__ = ["postgresql_server"]
_numbers = itertools.count()
ENTRIES, ANCHORED = 7, (3, 7)
ROW = 'UPDATE audit_entry SET canonical = :data, leaf = :leaf WHERE "index" = :index'


@dataclass
class Copy:
    """A copy of the past's database, and the ports to look into it."""

    shown: Exhibit
    url: str

    def __post_init__(self):
        self.store = open_store(self.url)

    @property
    def log(self):
        return self.shown.log

    def found(self):
        """What fsck finds: each fault with the entry that it names, in order."""
        ports = replace(self.shown.ledger.context, audit=self.store.audit, mirror=self.store.mirror)
        return [(finding.fault, finding.index) for finding in check_log(ports, self.log).findings]

    def row(self, index):
        entry = self.store.audit.entry(self.log, index)
        return entry.canonical, entry.leaf

    def rewritten(self, documents):
        rewrite(self.store, self.url, self.log, self.shown.ledger.context.log_keys, documents)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def past(request, tmp_path_factory):
    """The past, and a way to copy its database."""
    folder = tmp_path_factory.mktemp("past")
    if request.param == "sqlite":
        with exhibit(folder / "home") as shown:
            pass

        def copied():
            target = folder / f"{next(_numbers)}.sqlite"
            shutil.copy(folder / "home" / "ledger.sqlite", target)
            return f"sqlite:///{target}"

        yield shown, copied
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"past_{next(_numbers)}"

    def create(copy, template):
        with psycopg.connect(server.format(name="postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{copy}" TEMPLATE {template}')
        return server.format(name=copy)

    with exhibit(folder / "home", database_url=create(name, "consentry_template")) as shown:
        pass
    yield shown, lambda: create(f"attacked_{next(_numbers)}", name)


@pytest.fixture
def copy(past):
    shown, copied = past
    copy = Copy(shown, copied())
    yield copy
    copy.store.close()


def changed(data):
    document = canonical.decode_object(data)
    return canonical.encode({**document, "time": document["time"] - 1})


def test_an_untouched_copy_is_sound(copy):
    assert copy.found() == []
    assert copy.store.audit.size(copy.log) == ENTRIES


@pytest.mark.parametrize("index", [0, 4, 6])
def test_a_changed_row_is_named(copy, index):
    data, leaf = copy.row(index)
    with hand(copy.url) as connection:
        change(connection, ROW, data=changed(data), leaf=leaf, index=index)
    assert copy.found()[0] == (Fault.CHANGED, index)


def test_a_changed_leaf_is_named(copy):
    data, _ = copy.row(4)
    with hand(copy.url) as connection:
        change(connection, ROW, data=data, leaf=bytes(32), index=4)
    assert copy.found()[0] == (Fault.CHANGED, 4)


@pytest.mark.parametrize(("index", "least"), [(1, 0), (4, 3), (5, 3)])
def test_a_row_changed_with_its_leaf_is_between_the_anchors_that_are_named(copy, index, least):
    data = changed(copy.row(index)[0])
    with hand(copy.url) as connection:
        change(connection, ROW, data=data, leaf=leaf_hash(data), index=index)
    found = copy.found()
    assert any(fault is Fault.REWRITTEN and least <= place <= index for fault, place in found)
    assert all(place is None or least <= place for _, place in found)


@pytest.mark.parametrize("gone", [[0], [3], [5], [1, 2], [2, 4]])
def test_deleted_rows_are_named_from_the_first(copy, gone):
    with hand(copy.url) as connection:
        for index in gone:
            change(connection, 'DELETE FROM audit_entry WHERE "index" = :index', index=index)
    assert copy.found()[0] == (Fault.MISSING, gone[0])


def test_swapped_rows_are_named(copy):
    first, second = copy.row(1), copy.row(2)
    with hand(copy.url) as connection:
        for index, (data, leaf) in ((1, second), (2, first)):
            change(connection, ROW, data=data, leaf=leaf, index=index)
    assert [one for one in copy.found() if one[0] is Fault.MOVED] == [(Fault.MOVED, 1), (Fault.MOVED, 2)]


def test_rows_that_closed_up_over_a_gap_are_named_from_the_first(copy):
    with hand(copy.url) as connection:
        change(connection, 'DELETE FROM audit_entry WHERE "index" = 1')
        for index in range(2, ENTRIES):
            change(connection, 'UPDATE audit_entry SET "index" = :to WHERE "index" = :index', to=index - 1, index=index)
    moved = [place for fault, place in copy.found() if fault is Fault.MOVED]
    assert moved == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("size", [0, 2, 3, 5])
def test_a_cut_tail_is_seen_even_when_its_checkpoints_went_with_it(copy, size):
    with hand(copy.url) as connection:
        change(connection, 'DELETE FROM audit_entry WHERE "index" >= :size', size=size)
        change(connection, "DELETE FROM checkpoint WHERE size > :size", size=size)
    assert (Fault.CUT, size) in copy.found()


def test_a_log_that_is_gone_whole_is_seen(copy):
    with hand(copy.url) as connection:
        empty(connection)
    assert copy.found()[0] == (Fault.CUT, 0)


def edited(documents):
    documents[6]["facts"]["outputs"] = []


def back_dated(documents):
    documents[5]["time"] -= 3_600


def reordered(documents):
    documents[4], documents[3] = documents[3], documents[4]


def left_out(documents):
    del documents[4]
    documents.append(documents[-1])


def added(documents):
    documents.insert(4, documents[5])


@pytest.mark.parametrize("forge", [edited, back_dated, reordered, left_out, added])
def test_rows_tree_and_heads_rewritten_with_the_logs_own_key_are_seen_by_the_chain_alone(copy, forge):
    documents = documents_of(copy.store, copy.log)
    forge(documents)
    copy.rewritten(documents)
    found = copy.found()
    assert (Fault.REWRITTEN, ANCHORED[0]) in found, "the first anchor still holds, the second does not"
    inside = {Fault.CHANGED, Fault.MISSING, Fault.MOVED, Fault.NODE, Fault.CHECKPOINT}
    assert not inside & {fault for fault, _ in found}, "within the database everything agrees"


def test_the_same_entries_written_anew_are_no_finding(copy):
    """That the attack above is found for what it changes, and not for how it is done."""
    copy.rewritten(documents_of(copy.store, copy.log))
    assert copy.found() == []


def test_an_access_that_the_chain_tells_of_must_stay_one(copy):
    documents = documents_of(copy.store, copy.log)
    documents[2]["kind"] = Kind.FAILED.value
    documents[6]["study"] = "0x" + "77" * 32
    copy.rewritten(documents)
    assert [one for one in copy.found() if one[0] is Fault.ACCESS] == [(Fault.ACCESS, 2), (Fault.ACCESS, 6)]


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ('UPDATE audit_entry SET decision = NULL WHERE "index" = 2', 2),
        ('UPDATE audit_entry SET decision = leaf WHERE "index" = 0', 0),
        ('UPDATE audit_entry SET decision = leaf WHERE "index" = 6', 6),
        ('UPDATE audit_entry SET key = NULL WHERE "index" = 3', 3),
        ('UPDATE audit_entry SET key = NULL, count = NULL WHERE "index" = 0', 0),
        ('UPDATE audit_entry SET key = NULL, count = NULL WHERE "index" = 6', 6),
        ("UPDATE audit_entry SET key = '' WHERE \"index\" = 3", 3),
        ('UPDATE audit_entry SET count = NULL WHERE "index" = 3', 3),
        ('UPDATE audit_entry SET count = 0 WHERE "index" = 3', 3),
        ('UPDATE audit_entry SET count = 2 WHERE "index" = 3', 4),
        ('UPDATE audit_entry SET count = 2 WHERE "index" = 6', 6),
    ],
)
def test_a_column_that_says_another_thing_than_the_entry_is_named(copy, statement, index):
    with hand(copy.url) as connection:
        change(connection, statement)
    assert set(copy.found()) == {(Fault.COLUMN, index)}


def test_an_entry_counted_to_an_append_of_another_time_is_named(copy):
    documents = documents_of(copy.store, copy.log)
    documents[6]["time"] += 60
    copy.rewritten(documents)
    assert Fault.COLUMN not in {fault for fault, _ in copy.found()}
    with hand(copy.url) as connection:
        change(connection, 'UPDATE audit_entry SET count = 2 WHERE "index" = 5')
        change(connection, 'UPDATE audit_entry SET key = NULL, count = NULL WHERE "index" = 6')
    assert (Fault.COLUMN, 6) in copy.found()


@pytest.mark.parametrize("index", [1, 5])
@pytest.mark.parametrize("form", [b"%b ", b" %b", b"[%b]", b"%b0", b"\xff%b"])
def test_bytes_of_another_form_are_named(copy, index, form):
    data = form % copy.row(index)[0]
    with hand(copy.url) as connection:
        change(connection, ROW, data=data, leaf=leaf_hash(data), index=index)
    assert {(Fault.CHANGED, index), (Fault.REWRITTEN, 0 if index < ANCHORED[0] else ANCHORED[0])} <= set(copy.found())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decision SET receipt = receipt || 'A' WHERE \"index\" = 0",
        'UPDATE decision SET permitted = permitted + 1 WHERE "index" = 0',
        'UPDATE decision SET considered = considered - 1 WHERE "index" = 0',
        "UPDATE decision_member SET outcome = 3 - outcome WHERE decision = 1",
        "DELETE FROM decision_member WHERE decision = 1",
        'UPDATE decision SET "index" = 1 WHERE "index" = 0',
    ],
)
def test_a_changed_decision_is_named(copy, statement):
    with hand(copy.url) as connection:
        change(connection, statement)
    assert set(copy.found()) == {(Fault.DECISION, 0)}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM checkpoint",
        "DELETE FROM checkpoint WHERE size = 7",
        "UPDATE checkpoint SET note = replace(note, 'consentry', 'sentry') WHERE size = 7",
    ],
)
def test_a_lost_or_changed_head_is_seen(copy, statement):
    with hand(copy.url) as connection:
        change(connection, statement)
    assert {fault for fault, _ in copy.found()} == {Fault.CHECKPOINT}
