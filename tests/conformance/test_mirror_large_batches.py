"""A batch that is written while it is projected: what comes of it is what comes of any other, or nothing."""

import pytest

from ledger.domain import events as ev
from ledger.domain.consent import Consent
from ledger.errors import Conflict, MirrorDiverged, WrongState
from ledger.store import mirror_batch, mirror_taking, mirror_writer
from ledger.store.database import Database
from tests.fakes.chain import FakeChain
from tests.fakes.histories import History
from tests.support.stores import open_store

PART = 4


@pytest.fixture
def store(url, monkeypatch):
    monkeypatch.setattr(mirror_taking, "LARGE", PART)
    monkeypatch.setattr(mirror_writer, "PART", PART)
    monkeypatch.setattr(mirror_batch, "PART", PART)
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def chain():
    made, history = FakeChain(), History(31)
    made.mine(*history.opening())
    for _ in range(20):
        made.mine(*history.block())
    return made


def all_of(chain):
    first, last = chain.first_block, chain.head().number
    return chain.blocks(first, last), chain.events_between(first, last)


def take(store, chain, fence):
    return store.mirror.take(*all_of(chain), fence=fence, expect=None)


def one_by_one(chain, tmp_path, monkeypatch):
    """The mirror that took each block by itself, as it is taken at the chain's end."""
    monkeypatch.setattr(mirror_taking, "LARGE", 1 << 40)
    store = open_store(f"sqlite:///{tmp_path}/small.db")
    fence, cursor = store.mirror.lease("a", at=0, seconds=60), None
    for number in range(chain.first_block, chain.head().number + 1):
        events = chain.events_between(number, number)
        cursor = store.mirror.take(chain.blocks(number, number), events, fence=fence, expect=cursor)
    return store


def said(store):
    intervals = store.mirror.intervals_in(0, 1 << 40)
    return (
        store.mirror.cursor(),
        store.mirror.blocks_in(0, 1 << 40),
        store.mirror.events_in(0, 1 << 40),
        sorted(map(repr, intervals)),
    )


def is_empty(store):
    return store.mirror.cursor() is None and store.mirror.events_in(0, 1 << 40) == []


def test_it_leaves_what_small_batches_leave(store, chain, tmp_path, monkeypatch):
    assert len(all_of(chain)[1]) > 5 * PART
    take(store, chain, store.mirror.lease("a", at=0, seconds=60))
    small = one_by_one(chain, tmp_path, monkeypatch)
    try:
        assert said(store) == said(small)
    finally:
        small.close()


def test_an_event_that_fits_nothing_leaves_nothing_of_those_that_were_written_before_it(store, chain):
    chain.mine(ev.InstitutionStateChanged(b"\xee" * 32, 2))
    fence = store.mirror.lease("a", at=0, seconds=60)
    with pytest.raises(MirrorDiverged):
        take(store, chain, fence)
    assert is_empty(store)


def test_it_is_written_by_parts_and_ends_the_versions_of_parts_before(store, chain, monkeypatch):
    insert, end, written, ended = Database.insert, mirror_batch._Part.write, [], []

    def inserting(self, connection, table, columns, rows):
        written.append((table.name, len(rows)))
        insert(self, connection, table, columns, rows)

    def ending(part, database, connection):
        ended.extend(part.ends)
        end(part, database, connection)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "insert", inserting)
        patch.setattr(mirror_batch._Part, "write", ending)
        take(store, chain, store.mirror.lease("a", at=0, seconds=60))
    for table in ("event", "consent"):
        sizes = [size for name, size in written if name == table]
        assert len(sizes) > 3
        assert set(sizes[:-1]) == {PART}
    consents = [interval for interval in store.mirror.intervals_in(0, 1 << 40) if type(interval.fact) is Consent]
    assert any(interval.until is not None for interval in consents)
    assert ended


@pytest.mark.parametrize("table_name", ["event", "consent"])
@pytest.mark.parametrize("failing", [0, 2])
def test_a_part_that_is_not_written_leaves_nothing(store, chain, monkeypatch, failing, table_name):
    insert, parts = Database.insert, []

    def fail(self, connection, table, columns, rows):
        if table.name == table_name:
            parts.append(rows)
            if len(parts) == failing + 1:
                raise Conflict("the database refused a row")
        insert(self, connection, table, columns, rows)

    fence = store.mirror.lease("a", at=0, seconds=60)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "insert", fail)
        with pytest.raises(Conflict):
            take(store, chain, fence)
    assert is_empty(store)
    take(store, chain, fence)
    assert len(store.mirror.events_in(0, 1 << 40)) == len(all_of(chain)[1])


def test_neither_who_lost_the_lease_nor_who_believes_the_cursor_elsewhere_writes(store, chain):
    old = store.mirror.lease("a", at=0, seconds=10)
    fence = store.mirror.lease("b", at=20, seconds=10)
    with pytest.raises(WrongState):
        take(store, chain, old)
    assert is_empty(store)
    take(store, chain, fence)
    before = said(store)
    with pytest.raises(WrongState):
        take(store, chain, fence)
    assert said(store) == before
