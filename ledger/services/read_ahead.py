"""Reading the next range of blocks while the last one is written.

One, not more: the threads of two take the interpreter from who writes (a tenth more time, measured).

Invariant: it is handed out only where it begins at the block that is asked for, and a range that could not be read
fails where it is asked for, not before.
"""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ledger.domain.events import Block, Logged

Range = tuple[list[Block], list[Logged]]


class ReadAhead:
    """Reads ranges of blocks with their events, one of them ahead of time. One thread uses it.

    Args:
        read: Reads an inclusive range; called from another thread too, at once.
    """

    def __init__(self, read: Callable[[int, int], Range]) -> None:
        self._read = read
        self._next: _Reading | None = None

    def begin(self, first: int, span: int, last: int) -> None:
        """Have the range from ``first`` on under way, of so many blocks; none of a single one, or past ``last``."""
        end = min(first + span - 1, last)
        self._next = _Reading(self._read, first, end) if end > first else None

    def take(self, first: int, last: int, final: int) -> Range:
        """The range that was begun at ``first``, unless it ends after ``final``; else that up to ``last``, read now.

        Raises:
            Exception: Whatever reading it raised.
        """
        reading, self._next = self._next, None
        if reading is not None and reading.first == first and reading.last <= final:
            return reading.result()
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
