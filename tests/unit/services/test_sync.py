"""How the mirror follows a chain (``ledger.services.sync``, ``ledger.services.reorg``)."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ledger.domain import events as ev
from ledger.errors import LedgerUnreachable, NodesDisagree, ReorgTooDeep
from ledger.services.sync import Change, Limits, Mirror, Standing
from tests.fakes.chain import FakeChain, FakeClock
from tests.fakes.histories import History
from tests.fakes.store import MemoryMirror


class World:
    """A chain with some history, a mirror of it, and what the mirror told."""

    def __init__(self, *, blocks: int = 8, confirmations: int = 3, **limits: int) -> None:
        self.chain, self.history = FakeChain(), History(1)
        self.chain.mine(*self.history.opening())
        self.grow(blocks - 1)
        self.store, self.clock = MemoryMirror(), FakeClock()
        self.confirmations, self.limits = confirmations, Limits(**limits)
        self.changes: list[Change] = []
        self.rolled_back: list[int] = []
        self.mirror = self.follower("a")

    def follower(self, holder: str, chain: FakeChain | None = None) -> Mirror:
        return Mirror(
            chain or self.chain,
            self.store,
            self.clock,
            confirmations=self.confirmations,
            holder=holder,
            on_change=self.changes.append,
            on_roll_back=self.rolled_back.append,
            limits=self.limits,
        )

    def grow(self, blocks: int) -> None:
        for _ in range(blocks):
            self.chain.mine(*self.history.block())

    def reorg(self, depth: int, blocks: int) -> None:
        """Replace the last blocks by others, whose events fit any state."""
        self.chain.reorg(depth, [[ev.ActRefused(self.history.random.randbytes(32), 0, "x")] for _ in range(blocks)])

    def is_a_fresh_replay(self) -> bool:
        fresh = MemoryMirror()
        Mirror(self.chain, fresh, FakeClock(), holder="fresh").catch_up()
        top = 1 << 40
        return (
            fresh.blocks_in(0, top) == self.store.blocks_in(0, top)
            and fresh.events_in(0, top) == self.store.events_in(0, top)
            and fresh.intervals_in(0, top) == self.store.intervals_in(0, top)
        )


def test_a_mirror_comes_to_the_head_and_stays_there():
    world = World()
    progress = world.mirror.catch_up()
    assert (progress.standing, progress.cursor.block) == (Standing.CAUGHT_UP, world.chain.head())
    assert world.is_a_fresh_replay()
    assert world.mirror.step() == progress
    world.grow(2)
    assert world.mirror.step().standing is Standing.BEHIND
    assert world.mirror.step().standing is Standing.CAUGHT_UP
    assert world.is_a_fresh_replay()


def test_blocks_come_by_range_below_finality_and_by_hash_above_it():
    world = World(blocks=8, confirmations=3, first_span=2)
    world.mirror.catch_up()
    asked = [call for call in world.chain.calls if call.startswith("events")]
    assert asked == ["events_between", "events_between", "events_of", "events_of", "events_of"]


def test_a_single_block_comes_by_hash_even_where_every_block_is_final():
    world = World(confirmations=0)
    world.mirror.catch_up()
    world.grow(1)
    world.chain.calls.clear()
    world.mirror.catch_up()
    assert "events_between" not in world.chain.calls
    assert world.is_a_fresh_replay()


def test_the_span_doubles_to_its_bound_and_halves_on_refusal():
    world = World(blocks=100, confirmations=0, first_span=4, most_span=16)
    reached = []
    while world.mirror.step().standing is Standing.BEHIND:
        reached.append(world.mirror.progress.cursor.block.number)
    assert [after - before for before, after in pairwise(reached)][:5] == [8, 16, 16, 16, 16]

    refusing = World(blocks=20, confirmations=0, first_span=16)
    answer = refusing.chain.events_between
    refusing.chain.events_between = lambda first, last: answer(first, last) if last - first < 3 else _refuse()
    refusing.mirror.catch_up()
    assert refusing.is_a_fresh_replay()


def test_a_range_holds_about_as_many_events_as_a_transaction_may():
    world = World(blocks=60, confirmations=0, first_span=1, most_events=20)
    asked, answer = [], world.chain.events_between

    def answering(first, last):
        asked.append((last - first + 1, len(found := answer(first, last))))
        return found

    world.chain.events_between = answering
    world.mirror._span = 8
    world.mirror.catch_up()
    each = sum(events for _, events in asked) / 60
    assert len(asked) > 5
    assert all(span <= 3 * 20 / each for span, _ in asked[3:])
    assert world.is_a_fresh_replay()


def _refuse():
    raise LedgerUnreachable("too many blocks")


def test_a_transaction_holds_about_as_many_events_as_it_may():
    world = World(blocks=30, confirmations=0, first_span=30, most_events=5)
    takes = []
    take = world.store.take
    world.store.take = lambda blocks, events, **rest: (
        takes.append((len(blocks), len(events))) or take(blocks, events, **rest)
    )
    world.mirror.catch_up()
    assert len(takes) > 5
    assert all(events < 5 + 20 for _, events in takes)
    assert sum(blocks for blocks, _ in takes) == 30
    assert world.is_a_fresh_replay()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_reorg_down_to_finality_is_followed(depth):
    world = World(confirmations=3)
    world.mirror.catch_up()
    parted = world.chain.head().number - depth
    world.reorg(depth, depth + 1)
    world.mirror.catch_up()
    assert world.rolled_back == [parted]
    assert world.is_a_fresh_replay()
    assert world.mirror.trouble is None


@pytest.mark.parametrize(("depth", "confirmations"), [(4, 3), (8, 3), (1, 0)])
def test_a_reorg_below_finality_stops_the_mirror_and_changes_nothing(depth, confirmations):
    world = World(confirmations=confirmations)
    before = world.mirror.catch_up().cursor
    world.reorg(depth, depth + 2)
    for _ in range(2):
        with pytest.raises(ReorgTooDeep):
            world.mirror.step()
        assert isinstance(world.mirror.trouble, ReorgTooDeep)
    assert world.store.cursor() == before
    assert world.rolled_back == []


def test_a_reorg_of_the_same_height_is_seen():
    world = World(confirmations=3)
    world.mirror.catch_up()
    world.reorg(1, 1)
    assert world.mirror.catch_up().cursor.block == world.chain.head()
    assert world.is_a_fresh_replay()


def test_a_reorg_to_a_shorter_chain_is_followed():
    world = World(confirmations=5)
    world.mirror.catch_up()
    world.reorg(4, 2)
    assert world.mirror.catch_up().cursor.block == world.chain.head()
    assert world.is_a_fresh_replay()


def test_a_young_mirror_may_go_back_to_nothing():
    world = World(blocks=2, confirmations=5)
    world.mirror.catch_up()
    world.reorg(2, 3)
    world.mirror.catch_up()
    assert world.rolled_back == [world.chain.first_block - 1]
    assert world.is_a_fresh_replay()


def test_a_reorg_while_a_block_is_read_is_waited_out():
    world = World(confirmations=3)
    world.mirror.catch_up()
    lost = world.chain.mine()
    world.chain.lose(lost.hash)
    assert world.mirror.step().standing is Standing.WAITING
    world.reorg(1, 2)
    world.mirror.catch_up()
    assert world.is_a_fresh_replay()


def test_a_node_that_is_syncing_is_waited_for():
    world = World()
    before = world.mirror.catch_up().cursor
    world.chain.shown = world.chain.head().number - 6
    assert world.mirror.step().standing is Standing.WAITING
    assert world.store.cursor() == before
    assert world.rolled_back == []
    world.chain.shown = None
    world.grow(1)
    assert world.mirror.catch_up().standing is Standing.CAUGHT_UP


def test_a_node_that_has_not_come_to_the_contracts_is_waited_for():
    world = World()
    world.chain.shown = world.chain.first_block - 1
    progress = world.mirror.step()
    assert (progress.standing, progress.cursor) == (Standing.WAITING, None)


def test_a_node_that_does_not_answer_is_trouble_until_it_does():
    world = World()
    world.chain.fault = LedgerUnreachable("down")
    with pytest.raises(LedgerUnreachable):
        world.mirror.step()
    assert isinstance(world.mirror.trouble, LedgerUnreachable)
    world.chain.fault = None
    world.mirror.catch_up()
    assert world.mirror.trouble is None
    assert world.is_a_fresh_replay()


@pytest.mark.parametrize(
    "lie",
    [
        lambda blocks, events: (blocks[:-1], events),
        lambda blocks, events: ([blocks[0], *blocks[2:]], events),
        lambda blocks, events: (blocks, events + events[-1:]),
        lambda blocks, events: (blocks, events[::-1]),
        lambda blocks, events: (blocks, [_elsewhere(events[0]), *events[1:]]),
    ],
)
def test_an_answer_that_contradicts_itself_is_not_believed(lie):
    world = World(blocks=6, confirmations=0, first_span=1)
    honest, logs = world.chain.blocks, world.chain.events_between
    world.mirror._span = 6
    world.chain.blocks = lambda first, last: lie(honest(first, last), logs(first, last))[0]
    world.chain.events_between = lambda first, last: lie(honest(first, last), logs(first, last))[1]
    assert world.mirror.step().standing is Standing.BEHIND
    assert world.store.cursor() is None
    world.chain.blocks, world.chain.events_between = honest, logs
    world.mirror.catch_up()
    assert world.is_a_fresh_replay()


def _elsewhere(logged):
    return replace(logged, block_hash=b"\x07" * 32)


def test_every_move_is_told_once_and_says_whether_it_continues():
    world = World(blocks=6, confirmations=3, first_span=2)
    world.mirror.catch_up()
    assert world.changes[0] == Change(None, world.changes[0].after, continuous=False)
    assert all(change.continuous for change in world.changes[1:])
    assert [change.before for change in world.changes[1:]] == [change.after for change in world.changes[:-1]]
    assert world.changes[-1].after == world.store.cursor()
    told = len(world.changes)
    world.mirror.step()
    assert len(world.changes) == told
    world.reorg(2, 3)
    world.mirror.catch_up()
    assert [change.continuous for change in world.changes[told:]] == [False, True, True, True]


def test_a_mirror_that_was_filled_before_is_told_at_the_first_step():
    world = World()
    world.mirror.catch_up()
    again = world.follower("a")
    world.changes.clear()
    again.step()
    assert world.changes == [Change(None, world.store.cursor(), continuous=False)]


def test_a_change_that_could_not_be_told_is_told_again():
    world = World(blocks=2, confirmations=0)
    heard = []

    def hear(change: Change) -> None:
        heard.append(change)
        if len(heard) == 1:
            raise KeyError

    mirror = Mirror(world.chain, world.store, world.clock, holder="b", on_change=hear)
    with pytest.raises(KeyError):
        mirror.step()
    mirror.step()
    assert heard[0] == heard[1]


def test_a_second_program_stands_by_and_is_told_what_the_first_wrote():
    world = World(confirmations=3)
    world.mirror.catch_up()
    told: list[Change] = []
    other = Mirror(world.chain, world.store, world.clock, confirmations=3, holder="b", on_change=told.append)
    assert other.step().standing is Standing.STANDBY
    assert told == [Change(None, world.store.cursor(), continuous=False)]
    world.grow(1)
    world.mirror.catch_up()
    other.step()
    assert told[-1].continuous
    world.reorg(2, 3)
    world.mirror.catch_up()
    other.step()
    assert not told[-1].continuous


def test_a_second_program_takes_over_when_the_lease_lapses_and_the_first_stops_writing():
    world = World()
    world.mirror.catch_up()
    other = world.follower("b")
    assert other.step().standing is Standing.STANDBY
    world.clock.at += 31
    assert other.step().standing is Standing.CAUGHT_UP
    world.grow(2)
    world.mirror._renew_at = world.clock.at + 99  # it slept, and believes that its lease still runs
    assert world.mirror.step().standing is Standing.STANDBY
    other.catch_up()
    assert world.is_a_fresh_replay()


def test_a_program_that_ends_in_order_lets_another_write_at_once():
    world = World()
    world.mirror.catch_up()
    other = world.follower("b")
    other.close()
    assert other.step().standing is Standing.STANDBY, "who never wrote has nothing to give back"
    other.close()
    assert other.step().standing is Standing.STANDBY
    world.mirror.close()
    assert other.step().standing is Standing.CAUGHT_UP
    world.mirror.close()
    assert world.mirror.step().standing is Standing.STANDBY, "what is not its own any more stays the other's"


def test_each_step_tells_how_far_it_is():
    world = World(blocks=8, confirmations=0, first_span=2, most_span=2)
    told = []
    world.mirror._on_progress = lambda *said: told.append(said)
    world.mirror.catch_up()
    assert told == [(2, 8), (4, 8), (6, 8), (8, 8)]
    world.grow(1)
    world.mirror.catch_up()
    assert told[4:] == [(9, 9)]


def test_the_lease_is_renewed_before_it_lapses():
    world = World()
    world.mirror.catch_up()
    for _ in range(5):
        world.clock.at += 16
        assert world.mirror.step().standing is Standing.CAUGHT_UP
        assert world.follower("b").step().standing is Standing.STANDBY


def test_the_next_range_is_read_while_one_is_written():
    world = World(blocks=12, confirmations=0, first_span=2, most_span=2)
    take, read = world.store.take, []

    def taking(blocks, events, **rest):
        reading = world.mirror._ahead._next
        read.append((blocks[-1].number, reading and reading.first))
        return take(blocks, events, **rest)

    world.store.take = taking
    world.mirror.catch_up()
    assert read == [(4, 5), (6, 7), (8, 9), (10, 11), (12, 13), (14, None)]
    assert world.is_a_fresh_replay()


def test_a_range_that_was_read_ahead_and_replaced_meanwhile_is_not_taken_in():
    world = World(blocks=10, confirmations=0, first_span=2, most_span=2)
    assert world.mirror.step().standing is Standing.BEHIND
    world.mirror._ahead._next.join()
    world.reorg(world.chain.head().number - world.store.cursor().block.number + 1, 9)
    with pytest.raises(ReorgTooDeep):  # the block below it is gone too
        world.mirror.catch_up()


@pytest.mark.parametrize("confirmations", [0, 3])
def test_a_final_block_that_another_node_contradicts_is_not_taken_in(confirmations):
    world = World(blocks=12, confirmations=confirmations, first_span=4)
    final = world.chain.head().number - confirmations

    def disagree(block):
        assert block.number <= final
        raise NodesDisagree("two stories")

    world.mirror._witness = disagree
    for _ in range(2):
        with pytest.raises(NodesDisagree):
            world.mirror.step()
    assert world.store.cursor() is None
    assert isinstance(world.mirror.trouble, NodesDisagree)
    world.mirror._witness = lambda _: True
    world.mirror.catch_up()
    assert world.is_a_fresh_replay()


def test_a_block_is_contradicted_when_it_becomes_final_at_the_latest():
    world = World(blocks=4, confirmations=3)
    asked = []
    world.mirror._witness = lambda block: not asked.append(block.number)
    world.mirror.catch_up()
    world.grow(1)
    world.mirror.catch_up()
    assert asked[-1] == world.chain.head().number - 3
    told = len(asked)
    world.mirror.step()
    assert len(asked) == told


def test_a_block_without_a_witness_is_asked_for_again():
    world = World(confirmations=0)
    answers = [False, False, True]
    asked = []
    world.mirror._witness = lambda block: asked.append(block.number) or answers.pop(0)
    world.mirror.catch_up()
    world.mirror.step()
    world.mirror.step()
    assert asked == [world.chain.head().number] * 3
