"""Follows the chain into the mirror.

Invariants:

- Below finality blocks come by ranges of numbers; above it one by one and by hash only, so that a node which lags
  answers with an error instead of an empty list.
- Each block taken in names the one before it as its parent. Where the node's chain no longer does, the mirror goes back
  to the last block that both have; never below finality.
- Nothing is changed on the word of a node whose newest block is merely older than ours.
- While one range is written others are read; what is written was read, checked and found to follow, in its order.

Source: https://ethereum.org/developers/docs/apis/json-rpc (eth_getLogs by blockHash: EIP-234).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from ledger.domain.events import Block, Logged
from ledger.errors import LedgerUnreachable, NotFound, NotReady, TooLarge, WrongState
from ledger.ports import ChainReader, Clock, Cursor, MirrorStore
from ledger.services.read_ahead import ReadAhead, collector_at_rest
from ledger.services.reorg import find_fork, is_prefix


class Standing(StrEnum):
    """How the mirror stands to the node after a step."""

    BEHIND = "behind"
    """More blocks are there: step again at once."""
    CAUGHT_UP = "caught-up"
    WAITING = "waiting"
    """The node is behind the mirror, or lost a block while it was read: step again later."""
    STANDBY = "standby"
    """Another program writes the mirror; this one reads what it writes."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step found: the mirror's cursor (None: still empty) and the node's newest block."""

    standing: Standing
    cursor: Cursor | None
    head: Block


@dataclass(frozen=True, slots=True)
class Change:
    """The mirror moved from one cursor to another.

    ``continuous``: ``after`` extends ``before``, so that ``facts_changed(before.block.number, after.block.number)`` is
    all the difference. Otherwise blocks were taken back, or ``before`` is not known: build anew.
    """

    before: Cursor | None
    after: Cursor | None
    continuous: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one step: blocks of a range at first and at most, and events of one transaction."""

    first_span: int = 16
    most_span: int = 4096
    most_events: int = 10_000
    lease_seconds: int = 30


class Mirror:
    """The follower of one chain. One thread steps it.

    Args:
        reader: The chain.
        store: The mirror.
        clock: The time of day, for the writer's lease.
        confirmations: Blocks on top of a block that make it final; 0 where every block is.
        holder: Who this program is among the writers of the mirror.
        on_change: Told after each move of the mirror, this program's or another's. When it raises, the step does too,
            and it is told again at the next one.
        on_roll_back: Told the block to which the mirror is about to go back, before it does; may be told twice.
        witness: Asks all nodes for a final block before it counts; gives False where one could not say, and raises
            NodesDisagree where one has another. None: there is one node, which is believed.
        on_progress: Told after each step how many of the chain's blocks were taken in, and how many there are.
        limits: Bounds of one step.
    """

    def __init__(
        self,
        reader: ChainReader,
        store: MirrorStore,
        clock: Clock,
        *,
        confirmations: int = 0,
        holder: str = "mirror",
        on_change: Callable[[Change], None] | None = None,
        on_roll_back: Callable[[int], None] | None = None,
        witness: Callable[[Block], bool] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._reader = reader
        self._store = store
        self._clock = clock
        self._confirmations = confirmations
        self._holder = holder
        self._on_change = on_change
        self._on_roll_back = on_roll_back
        self._witness = witness
        self._witnessed = -1
        self._on_progress = on_progress
        self._limits = limits or Limits()
        self._span = self._limits.first_span
        self._ahead = ReadAhead(self._read_range)
        self._fence = 0
        self._renew_at = 0
        self._told: Cursor | None = None
        self.progress: Progress | None = None
        """What the last step that ended well found."""
        self.trouble: NotReady | None = None
        """Why the last step failed; None when it did not."""

    def step(self) -> Progress:
        """Do the next piece of work, a bounded one.

        Raises:
            ReorgTooDeep: The chain took back final blocks; raised again at each step until the chain has them again.
            NodesDisagree: Nodes contradict each other on a final block, which is not taken in; raised at each step.
            LedgerUnreachable: The node does not answer, or contradicts itself.
            NotReady: The database does not answer.
            MirrorDiverged: An event does not fit the mirror.
        """
        try:
            self.progress = self._step()
        except NotReady as trouble:
            self.trouble = trouble
            raise
        self.trouble = None
        return self.progress

    def catch_up(self) -> Progress:
        """Step until there is nothing to take in at once."""
        while True:
            progress = self.step()
            if progress.standing is not Standing.BEHIND:
                return progress

    def close(self) -> None:
        """Give the writer's lease back, so that another program need not wait until it lapses.

        Raises:
            NotReady: The database does not answer; the lease will lapse by itself.
        """
        if self._fence:
            self._renew_at = 0
            self._store.release(fence=self._fence)

    def _step(self) -> Progress:
        head = self._reader.head()
        try:
            self._lead()
            cursor = self._store.cursor()
            self._tell(cursor)
            standing, cursor = self._advance(cursor, head)
        except WrongState:  # another holds the lease, or wrote meanwhile
            self._renew_at = 0
            standing, cursor = Standing.STANDBY, self._store.cursor()
        self._agree(cursor)
        self._tell(cursor)
        if self._on_progress is not None and cursor is not None and standing is not Standing.STANDBY:
            before = self._reader.first_block - 1
            self._on_progress(cursor.block.number - before, max(head.number, cursor.block.number) - before)
        return Progress(standing, cursor, head)

    def _lead(self) -> None:
        now = self._clock.now()
        if now >= self._renew_at:
            self._fence = self._store.lease(self._holder, at=now, seconds=self._limits.lease_seconds)
            self._renew_at = now + self._limits.lease_seconds // 2

    def _advance(self, cursor: Cursor | None, head: Block) -> tuple[Standing, Cursor | None]:
        if cursor is not None and head.number <= cursor.block.number:
            if head.hash == cursor.block.hash:
                return Standing.CAUGHT_UP, cursor
            if head.number < cursor.block.number and is_prefix(self._store, head):
                return Standing.WAITING, cursor
            return self._go_back(cursor, head)
        first = self._reader.first_block if cursor is None else cursor.block.number + 1
        return self._take_from(first, cursor, head) if first <= head.number else (Standing.WAITING, cursor)

    def _take_from(self, first: int, cursor: Cursor | None, head: Block) -> tuple[Standing, Cursor | None]:
        final = head.number - self._confirmations
        if min(first + self._span - 1, final) > first:
            return self._take_range(first, final, cursor, head)
        try:
            blocks, events = self._read_block(first, head)
        except NotFound:  # the block was replaced while it was read
            return Standing.WAITING, cursor
        if cursor is not None and blocks[0].parent != cursor.block.hash:
            return self._go_back(cursor, head)
        return self._written(blocks, events, cursor, head)

    def _take_range(self, first: int, final: int, cursor: Cursor | None, head: Block) -> tuple[Standing, Cursor | None]:
        last = min(first + self._span - 1, final)
        with collector_at_rest():
            try:
                blocks, events = self._ahead.take(first, last, final)
            except (LedgerUnreachable, TooLarge):
                self._span = max(1, (last - first + 1) // 2)
                return Standing.BEHIND, cursor
            except NotFound:
                return Standing.WAITING, cursor
            if cursor is not None and blocks[0].parent != cursor.block.hash:
                return self._go_back(cursor, head)
            self._span = self._next_span(len(blocks), len(events))
            self._ahead.begin(blocks[-1].number + 1, self._span, final)
            return self._written(blocks, events, cursor, head)

    def _next_span(self, blocks: int, events: int) -> int:
        """Blocks of a further range: twice as many, within the bounds, going by what the last one held."""
        room = self._limits.most_events * blocks // max(events, 1)
        return max(1, min(2 * self._span, room, self._limits.most_span))

    def _written(
        self, blocks: Sequence[Block], events: Sequence[Logged], cursor: Cursor | None, head: Block
    ) -> tuple[Standing, Cursor | None]:
        if blocks[-1].number <= head.number - self._confirmations:
            self._ask_witness(blocks[-1])
        cursor = self._write(blocks, events, cursor)
        return Standing.CAUGHT_UP if blocks[-1].number == head.number else Standing.BEHIND, cursor

    def _go_back(self, cursor: Cursor, head: Block) -> tuple[Standing, Cursor | None]:
        fork = find_fork(self._reader, self._store, cursor, head, self._confirmations)
        if self._on_roll_back is not None:
            self._on_roll_back(fork.ancestor)
        return Standing.BEHIND, self._store.roll_back(fork.ancestor, fence=self._fence)

    def _read_range(self, first: int, last: int) -> tuple[list[Block], list[Logged]]:
        blocks = self._reader.blocks(first, last)
        events = self._reader.events_between(first, last)
        _check(blocks, events, first, last)
        return blocks, events

    def _read_block(self, number: int, head: Block) -> tuple[list[Block], list[Logged]]:
        block = head if number == head.number else self._reader.block(number)
        events = self._reader.events_of(block.hash)
        _check([block], events, number, number)
        return [block], events

    def _write(self, blocks: Sequence[Block], events: Sequence[Logged], cursor: Cursor | None) -> Cursor | None:
        """Take blocks in, in transactions of about ``most_events`` events; returns how far the mirror has come."""
        start = taken = 0
        while start < len(blocks):
            end, upto = start, taken
            while end < len(blocks) and (end == start or upto - taken < self._limits.most_events):
                while upto < len(events) and events[upto].block_number == blocks[end].number:
                    upto += 1
                end += 1
            cursor = self._store.take(blocks[start:end], events[taken:upto], fence=self._fence, expect=cursor)
            start, taken = end, upto
        return cursor

    def _agree(self, cursor: Cursor | None) -> None:
        """Have the newest final block witnessed, and with it all blocks before it, which its hash covers."""
        if self._witness is None or cursor is None or cursor.block.number - self._confirmations <= self._witnessed:
            return
        final = self._store.block_at(cursor.block.number - self._confirmations)
        if final is not None:
            self._ask_witness(final)

    def _ask_witness(self, final: Block) -> None:
        if self._witness is not None and final.number > self._witnessed and self._witness(final):
            self._witnessed = final.number

    def _tell(self, cursor: Cursor | None) -> None:
        before = self._told
        if cursor == before:
            return
        if self._on_change is not None:
            self._on_change(Change(before, cursor, continuous=self._extends(before, cursor)))
        self._told = cursor

    def _extends(self, before: Cursor | None, after: Cursor | None) -> bool:
        if before is None or after is None or after.block.number < before.block.number:
            return False
        return before in self._store.blocks_in(before.block.number, before.block.number)


def _check(blocks: Sequence[Block], events: Sequence[Logged], first: int, last: int) -> None:
    """Refuse an answer that contradicts itself: nodes behind one address may be at different blocks.

    Raises:
        LedgerUnreachable: Blocks are missing or do not follow each other, or events are not of these blocks.
    """
    if [block.number for block in blocks] != list(range(first, last + 1)):
        raise LedgerUnreachable(f"the node left out blocks between {first} and {last}; it is asked again")
    for before, block in pairwise(blocks):
        if block.parent != before.hash:
            raise LedgerUnreachable(f"the node's block {block.number} does not follow its block {before.number}")
    hashes = {block.number: block.hash for block in blocks}
    place = (-1, -1)
    for logged in events:
        if hashes.get(logged.block_number) != logged.block_hash:
            raise LedgerUnreachable(f"the node gave an event of another block {logged.block_number}; it is asked again")
        if (logged.block_number, logged.log_index) <= place:
            raise LedgerUnreachable("the node's events are out of order or doubled; it is asked again")
        place = (logged.block_number, logged.log_index)
