"""A batch of many blocks: what comes of it is what comes of its blocks one by one, or nothing."""

import pytest

from ledger.domain import events as ev
from ledger.errors import Conflict, MirrorDiverged, WrongState
from ledger.store.database import Database
from tests.fakes.chain import FakeChain
from tests.fakes.histories import History
from tests.support.stores import open_store


@pytest.fixture
def store(url):
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


def one_by_one(chain, tmp_path):
    """The mirror that took each block by itself, as it is taken at the chain's end."""
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


def test_it_leaves_what_small_batches_leave(store, chain, tmp_path):
    take(store, chain, store.mirror.lease("a", at=0, seconds=60))
    small = one_by_one(chain, tmp_path)
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


@pytest.mark.parametrize("refused", ["event", "consent"])
def test_a_table_whose_rows_are_refused_leaves_nothing_of_the_others(store, chain, monkeypatch, refused):
    insert = Database.insert

    def fail(self, connection, table, columns, rows):
        if table.name == refused:
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
