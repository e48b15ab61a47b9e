"""The facts of the batches that this process wrote last, so that nobody reads back what was just written.

Invariant: it answers only for a run of batches that ends at the mirror's cursor as it stands now. Each batch began at
the very cursor, digest included, at which the one before ended; so the answer is what the rows would say.
"""

import threading
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.domain.projection import Fact
from ledger.ports import Cursor

MOST_FACTS = 10_000
"""Facts that are remembered; what is asked for is nearly always the last batch."""
Changed = Mapping[tuple[Any, ...], Fact]
"""The facts that a batch made and that hold at its end, by their kind and key."""


@dataclass(frozen=True, slots=True)
class _Batch:
    since: Cursor | None
    until: Cursor
    changed: Changed


class LatestBatches:
    """Remembers batches up to some number of facts. Thread-safe."""

    def __init__(self) -> None:
        self._batches: deque[_Batch] = deque()
        self._facts = 0
        self._lock = threading.Lock()

    def add(self, since: Cursor | None, until: Cursor, changed: Changed) -> None:
        """Remember a batch that was committed.

        Args:
            since: The cursor before it.
            until: The cursor after it.
            changed: Its facts.
        """
        with self._lock:
            if self._batches and self._batches[-1].until != since:
                self._batches.clear()
                self._facts = 0
            self._batches.append(_Batch(since, until, changed))
            self._facts += len(changed)
            while self._facts > MOST_FACTS:
                self._facts -= len(self._batches.popleft().changed)

    def between(self, since: int, until: Cursor) -> Collection[Fact] | None:
        """The facts made after a block that hold at a cursor, the last of each key; None where that is not known.

        Args:
            since: Number of the block.
            until: The cursor as it stands now.
        """
        with self._lock:
            run = list(self._batches)
        if not run or run[-1].until != until:
            return None
        for place in range(len(run) - 1, -1, -1):
            before = run[place].since
            if before is not None and before.block.number == since:
                found: dict[tuple[Any, ...], Fact] = {}
                for batch in run[place:]:
                    found |= batch.changed
                return found.values()
        return None
