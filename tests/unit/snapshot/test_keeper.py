"""A view is whole, of one block, and fresh; or there is none."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ledger.domain.consent import Consent
from ledger.domain.policy import Request
from ledger.domain.projection import Subject
from ledger.errors import MirrorLagging, NotReady, ReorgTooDeep
from ledger.services.sync import Mirror
from ledger.snapshot import keeper as keeper_module
from ledger.snapshot.building import build
from ledger.snapshot.keeper import Keeper
from ledger.snapshot.size import LEAST_A_SUBJECT, bytes_of
from tests.fakes.chain import FakeChain, FakeClock
from tests.fakes.histories import History
from tests.support.stores import open_store

STALENESS = 30


class Bench:
    """A chain of events, the SQL mirror that follows it, and a keeper on the mirror."""

    def __init__(self, store, seed=1):
        self.store = store
        self.clock = FakeClock()
        self.history = History(seed)
        self.chain = FakeChain()
        self.chain.mine(*self.history.opening())
        self.mirror = Mirror(self.chain, store, self.clock, confirmations=4)
        self.keeper = Keeper(store, self.clock, STALENESS)

    def grow(self, blocks=3):
        for _ in range(blocks):
            self.chain.mine(*self.history.block())

    def follow(self):
        """What the service's thread does."""
        progress = self.mirror.catch_up()
        self.keeper.refresh()
        self.keeper.confirm(progress.head)

    def check(self):
        """The view answers as the mirror's tables do, at its own block."""
        view = self.keeper.view()
        facts = list(self.store.facts_at(view.block.number))
        assert view.block == self.store.cursor().block
        subjects = [fact.id for fact in facts if isinstance(fact, Subject)]
        assert view.subjects() == sorted(subjects)
        fresh = type(view).build(view.block, facts)
        assert view.studies == fresh.studies
        assert view.engines == fresh.engines
        for subject in subjects:
            assert consents_of(view, subject) == consents_of(fresh, subject)


def consents_of(view, subject):
    """What the table holds of a subject, each by its id."""
    rows = list(view.table.rows_of(view.table.find(subject)))
    return {
        table.id(row): (table.since.view[row], table.until.view[row], table.version.view[row]) for table, row in rows
    }


@pytest.fixture
def bench(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    yield Bench(store.mirror)
    store.close()


def test_there_is_no_view_of_an_empty_copy(bench):
    assert bench.keeper.refresh() is None
    with pytest.raises(NotReady, match="not built"):
        bench.keeper.view()


def test_a_snapshot_that_was_never_confirmed_gives_no_view(bench):
    bench.mirror.catch_up()
    bench.keeper.refresh()
    with pytest.raises(MirrorLagging):
        bench.keeper.view()


def test_it_follows_block_by_block(bench):
    for _ in range(12):
        bench.grow()
        bench.follow()
        bench.check()


def test_staleness_ends_answers_and_confirmation_brings_them_back(bench):
    bench.follow()
    bench.clock.at += STALENESS
    bench.keeper.view()
    bench.clock.at += 1
    with pytest.raises(MirrorLagging, match="30 seconds"):
        bench.keeper.view()
    bench.follow()
    bench.keeper.view()


def test_a_head_above_the_snapshot_confirms_nothing(bench):
    bench.follow()
    bench.clock.at += STALENESS + 1
    held = bench.keeper.refresh().block
    bench.keeper.confirm(replace(held, number=held.number + 1, hash=b"\x01" * 32))
    with pytest.raises(MirrorLagging):
        bench.keeper.view()


def test_a_head_of_the_same_height_on_another_branch_confirms_nothing(bench):
    bench.follow()
    bench.clock.at += STALENESS + 1
    held = bench.keeper.refresh().block
    bench.keeper.confirm(replace(held, hash=b"\x01" * 32))
    with pytest.raises(MirrorLagging):
        bench.keeper.view()
    bench.keeper.confirm(held)
    bench.keeper.view()


def test_a_block_not_reached_yet(bench):
    bench.follow()
    head = bench.chain.head().number
    assert bench.keeper.view(at_least_block=head).block.number == head
    with pytest.raises(MirrorLagging, match=f"block {head + 1}"):
        bench.keeper.view(at_least_block=head + 1)


def test_an_alarm_goes_before_everything_and_can_end(bench):
    bench.follow()
    bench.keeper.alarm("the chain took back block 9")
    with pytest.raises(ReorgTooDeep, match="block 9"):
        bench.keeper.view()
    bench.clock.at += STALENESS + 1
    with pytest.raises(ReorgTooDeep):
        bench.keeper.view()
    bench.keeper.alarm("")
    bench.follow()
    bench.keeper.view()


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_reorg_builds_it_anew(bench, depth):
    """Blocks are taken back; what they said is in no view any more."""
    bench.grow(6)
    bench.follow()
    gone = bench.keeper.view()
    other = History(2)
    bench.chain.reorg(depth, [[], *[other.opening()] * 1, *[[]] * depth])
    bench.follow()
    bench.check()
    assert bench.keeper.view().block.hash != gone.block.hash


def test_a_reorg_to_the_same_height_is_noticed(bench):
    bench.grow(4)
    bench.follow()
    before = bench.keeper.view().block
    bench.chain.reorg(1, [[]])
    bench.follow()
    after = bench.keeper.view().block
    assert (after.number, after.hash != before.hash) == (before.number, True)
    bench.check()


def test_a_copy_that_moves_while_it_is_read_is_read_again(bench, monkeypatch):
    """Another process rolls back and takes other blocks between two questions of one refresh."""
    bench.grow(4)
    bench.mirror.catch_up()
    read = bench.store.facts_at
    moved = []

    def moves(block):
        facts = read(block)
        if not moved:
            moved.append(block)
            bench.chain.reorg(1, [History(3).opening()])
            bench.mirror.catch_up()
            facts = read(block)
        return facts

    monkeypatch.setattr(bench.store, "facts_at", moves)
    bench.keeper.refresh()
    bench.keeper.confirm(bench.chain.head())
    assert moved
    assert bench.keeper.view().block == bench.store.cursor().block
    bench.check()


def test_a_view_stays_what_it_was_while_the_next_one_is_made(bench):
    bench.follow()
    view = bench.keeper.view()
    subjects, number = view.subjects(), view.block.number
    held = {subject: consents_of(view, subject) for subject in subjects}
    for _ in range(5):
        bench.grow()
        bench.follow()
    assert (view.subjects(), view.block.number) == (subjects, number)
    assert {subject: consents_of(view, subject) for subject in subjects} == held
    assert bench.keeper.view().block.number > number


def test_waiting_for_a_block(bench):
    bench.follow()
    here = bench.keeper.view().block.number
    assert bench.keeper.wait_for(here, 0)
    assert not bench.keeper.wait_for(here + 1, 0)
    waiter = threading.Thread(target=lambda: reached.append(bench.keeper.wait_for(here + 1, 60)))
    reached: list[bool] = []
    waiter.start()
    bench.grow(1)
    bench.follow()
    waiter.join()
    assert reached == [True]


def test_unknown_names_are_unknown_to_the_view(bench):
    bench.follow()
    setting = bench.keeper.view().setting(Request(bytes(32), bytes(32), 1, 1))
    assert (setting.study, setting.institution, setting.engine) == (None, None, None)


def test_a_long_start_says_how_far_it_is(bench, monkeypatch):
    monkeypatch.setattr(keeper_module, "TOLD_EVERY", 5)
    told = []
    keeper = keeper_module.Keeper(bench.store, bench.clock, STALENESS, progress=lambda *said: told.append(said))
    bench.grow(4)
    bench.mirror.catch_up()
    keeper.refresh()
    count = len(list(bench.store.facts_at(bench.chain.head().number)))
    assert told == [*((at, count) for at in range(0, count, 5)), (count, count)]
    bench.grow(1)
    bench.mirror.catch_up()
    keeper.refresh()
    assert len(told) == len(range(0, count, 5)) + 1, "a block is not worth a word"


def test_the_memory_is_told_and_grows_with_the_facts(bench):
    store = bench.store
    assert bench.keeper.bytes == 0
    bench.follow()
    before = bench.keeper.bytes
    assert before > 64 * len(bench.keeper.view().subjects())
    bench.grow(40)
    bench.follow()
    assert bench.keeper.bytes == bytes_of(bench.keeper.view().table) > before
    again = Keeper(store, bench.clock, STALENESS)
    again.refresh()
    assert again.bytes == bytes_of(build(bytes(32), facts_of_table(store)))


def facts_of_table(store):
    facts = store.facts_at(store.cursor().block.number)
    return [fact for fact in facts if isinstance(fact, Subject | Consent)]


def test_facts_that_cannot_fit_are_not_read_to_their_end(bench, monkeypatch):
    bench.follow()
    read = []
    monkeypatch.setattr(keeper_module, "TOLD_EVERY", 2)
    store = SimpleNamespace(
        cursor=bench.store.cursor,
        block_at=bench.store.block_at,
        facts_at=lambda block: (read.append(fact) or fact for fact in bench.store.facts_at(block)),
    )
    subjects = len(bench.keeper.view().subjects())
    keeper = Keeper(store, bench.clock, STALENESS, most_bytes=LEAST_A_SUBJECT * (subjects - 1) - 1)
    assert keeper.refresh() is None
    assert 0 < len(read) < len(list(bench.store.facts_at(bench.store.cursor().block.number)))
    assert bench.keeper.bytes > LEAST_A_SUBJECT * subjects
    with pytest.raises(NotReady, match="CONSENTRY_MOST_SNAPSHOT"):
        keeper.view()


@pytest.mark.parametrize("at_once", [True, False])
def test_past_its_bound_of_memory_there_are_no_answers_and_none_later(bench, caplog, at_once):
    store = bench.store
    bench.follow()
    bound = bench.keeper.bytes - at_once
    bench.keeper = Keeper(store, bench.clock, STALENESS, most_bytes=bound)
    bench.follow()
    if not at_once:  # it fits, until facts come
        bench.check()
        while store.cursor().block.number < 400 and bench.keeper.bytes <= bound:
            bench.grow()
            bench.follow()
    for _ in range(2):
        with pytest.raises(NotReady, match="CONSENTRY_MOST_SNAPSHOT"):
            bench.keeper.view()
        assert bench.keeper.refresh() is None
        bench.grow()
        bench.follow()
    assert store.cursor().block == bench.chain.head()
    assert sum("may take" in line for line in caplog.messages) == 1
