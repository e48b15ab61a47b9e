"""Keeping the snapshot up to date with the store, and refusing to answer when it is not.

Invariants: what ``view`` returns is whole and of one block; if freshness cannot be shown, ``view`` raises. A rolled
back block, or any doubt about what changed, means a snapshot built anew. A snapshot past its bound of memory is given
up, and there are no answers until somebody raises the bound.
"""

import logging
import threading
from collections.abc import Callable, Iterator

from ledger.config import MIB
from ledger.domain.events import Block
from ledger.domain.ontology import Ontology
from ledger.domain.projection import Fact, Subject
from ledger.errors import MirrorLagging, NotReady, ReorgTooDeep
from ledger.ports import Clock, MirrorStore
from ledger.snapshot.size import LEAST_A_SUBJECT, bytes_of
from ledger.snapshot.snapshot import Snapshot

_log = logging.getLogger(__name__)
TOLD_EVERY = 10_000
"""Facts from one word of progress to the next."""


class Keeper:
    """Holds the current snapshot; implements ``services.context.Decider``. Thread-safe.

    Args:
        store: The mirror's tables.
        clock: For freshness.
        most_staleness: Seconds after which an unconfirmed snapshot stops answering.
        ontology: What the operator loaded, for the data-use layer; None where nothing is.
        progress: Told, while a snapshot is built from nothing, how many facts were read, and of how many: it takes
            minutes at the size of a country.
        most_bytes: Memory that a snapshot may take; 0: any. While one is built it takes up to twice as much.
    """

    def __init__(
        self,
        store: MirrorStore,
        clock: Clock,
        most_staleness: int,
        ontology: Ontology | None = None,
        progress: Callable[[int, int], None] | None = None,
        *,
        most_bytes: int = 0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._most_staleness = most_staleness
        self._ontology = ontology
        self._progress = progress
        self._most_bytes = most_bytes
        self._too_large: str = ""
        self.bytes = 0
        """Memory that the snapshot takes."""
        self._snapshot: Snapshot | None = None
        self._confirmed_at: int | None = None
        self._alarm: str = ""
        self._lock = threading.Lock()
        self._moved = threading.Condition()

    def refresh(self) -> Snapshot | None:
        """Bring the snapshot to the store's last block; returns it, None while the mirror is empty."""
        with self._lock:
            while True:
                cursor = self._store.cursor()
                if cursor is None or self._too_large:
                    self._snapshot = None
                    return None
                held = self._snapshot
                if held is not None and held.block.hash == cursor.block.hash:
                    return held
                fresh = self._read(held, cursor.block)
                if fresh is None:
                    continue
                # Another process may have rolled back and gone on meanwhile: then the facts are of two branches.
                if self._store.block_at(cursor.block.number) == cursor.block:
                    break
            self._snapshot = fresh
        with self._moved:
            self._moved.notify_all()
        return fresh

    def _read(self, held: Snapshot | None, block: Block) -> Snapshot | None:
        """The snapshot of a block; None where it takes more memory than it may."""
        if held is not None and held.block.number < block.number:
            known = self._store.block_at(held.block.number)
            if known is not None and known.hash == held.block.hash:
                fresh = held.advance(block, self._store.facts_changed(held.block.number, block.number))
                return fresh if self._fits(bytes_of(fresh.table)) else None
        fresh = Snapshot.build(block, self._counted(block), self._ontology)
        if self._too_large or not self._fits(bytes_of(fresh.table)):
            return None
        _log.info("the snapshot of block %d takes %.1f MiB", block.number, self.bytes / MIB)
        return fresh

    def _fits(self, size: int) -> bool:
        self.bytes = size
        if not self._most_bytes or size <= self._most_bytes:
            return True
        self._too_large = (
            f"the snapshot takes {-(-size // MIB):,} MiB of memory and may take {self._most_bytes // MIB:,}: set "
            "CONSENTRY_MOST_SNAPSHOT to more, and start again"
        )
        _log.error("%s; no decision can be given until then", self._too_large)
        return False

    def _counted(self, block: Block) -> Iterator[Fact]:
        """The facts of a block, told and counted as they are read; cut, and said so, where they cannot fit."""
        progress = self._progress or (lambda _done, _total: None)
        total = self._store.count_at(block.number) if self._progress else 0
        subjects = 0
        for count, fact in enumerate(self._store.facts_at(block.number)):
            if count % TOLD_EVERY == 0:
                progress(count, total)
                if not self._fits(LEAST_A_SUBJECT * subjects):
                    return
            subjects += isinstance(fact, Subject)
            yield fact
        progress(total, total)

    def confirm(self, head: Block) -> None:
        """Say that the node's newest block was read now, and is this one.

        At the same height the hashes must agree: a copy on another branch is not fresh, however high it stands.
        """
        held = self._snapshot
        if held is not None and (held.block.number > head.number or held.block.hash == head.hash):
            self._confirmed_at = self._clock.now()

    def alarm(self, message: str) -> None:
        """Stop answering, for a reason that needs a person; an empty message ends it."""
        self._alarm = message

    def view(self, *, at_least_block: int = 0) -> Snapshot:
        """The newest snapshot.

        Raises:
            ReorgTooDeep: The chain took back final blocks.
            MirrorLagging: The snapshot is older than allowed, or has not reached ``at_least_block``.
            NotReady: There is no snapshot yet.
        """
        if self._alarm:
            raise ReorgTooDeep(self._alarm)
        snapshot = self._snapshot
        if self._too_large:
            raise NotReady(self._too_large)
        if snapshot is None:
            raise NotReady("the copy of the chain is not built yet; try again in a moment")
        confirmed = self._confirmed_at
        if confirmed is None or self._clock.now() - confirmed > self._most_staleness:
            raise MirrorLagging(
                f"the copy of the chain was not confirmed for more than {self._most_staleness} seconds; "
                "no decision can be given until it catches up"
            )
        if snapshot.block.number < at_least_block:
            raise MirrorLagging(f"the copy stands at block {snapshot.block.number}, before block {at_least_block}")
        return snapshot

    def wait_for(self, block: int, seconds: float) -> bool:
        """Wait until the snapshot has reached a block; False when the time ran out."""
        with self._moved:
            return self._moved.wait_for(
                lambda: self._snapshot is not None and self._snapshot.block.number >= block, timeout=seconds
            )
