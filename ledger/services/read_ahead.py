"""Reading the next ranges of blocks while the last one is written.

Invariants: at most ``DEPTH`` ranges are read ahead; one is handed out only where it begins at the block that is asked
for, and a range that could not be read fails where it is asked for, not before.
"""

import gc
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ledger.domain.events import Block, Logged

Range = tuple[list[Block], list[Logged]]


DEPTH = 2
"""Ranges that are read at once: so the node works at the next while the answer to the last is taken apart."""


class ReadAhead:
    """Reads ranges of blocks with their events, some of them ahead of time. One thread uses it.

    Args:
        read: Reads an inclusive range; called from other threads too, at once.
    """

    def __init__(self, read: Callable[[int, int], Range]) -> None:
        self._read = read
        self._under_way: deque[_Reading] = deque()

    def begin(self, first: int, span: int, last: int) -> None:
        """Have the ranges from ``first`` on under way, of so many blocks each; none of a single one, or past ``last``.

        Those that are under way already stay as they are.
        """
        start = self._under_way[-1].last + 1 if self._under_way else first
        while len(self._under_way) < DEPTH and (end := min(start + span - 1, last)) > start:
            self._under_way.append(_Reading(self._read, start, end))
            start = end + 1

    def take(self, first: int, last: int, final: int) -> Range:
        """The range that was begun at ``first``, unless it ends after ``final``; else that up to ``last``, read now.

        Raises:
            Exception: Whatever reading it raised.
        """
        reading = self._under_way.popleft() if self._under_way else None
        if reading is not None and reading.first == first and reading.last <= final:
            return reading.result()
        self._under_way.clear()
        return self._read(first, last)


class _Reading(threading.Thread):
    """One range under way."""

    def __init__(self, read: Callable[[int, int], Range], first: int, last: int) -> None:
        super().__init__(name="consentry-read-ahead", daemon=True)
        self.first, self.last = first, last
        self._begin = read
        self._found: Range | None = None
        self._problem: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Read it."""
        try:
            self._found = self._begin(self.first, self.last)
        except BaseException as problem:  # noqa: BLE001 - raised again where the range is asked for
            self._problem = problem

    def result(self) -> Range:
        """The range, waited for."""
        self.join()
        if self._problem is not None:
            raise self._problem
        assert self._found is not None
        return self._found


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Hold Python's cycle collector back while a range is taken in.

    Tens of thousands of values without a cycle among them are made and kept for a moment; the collector would walk all
    of them again and again (measured: a fifth of the time).
    """
    ran = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if ran:
            gc.enable()
