"""The rows of a log, in order: what was seen of each page of them is taken in, and each fault gets its name.

Invariants: every page is taken in once, after those before it; a row that is not plain is read strictly; every entry
came with an append, whose first row holds its key and its count.

What no byte of an entry binds is the text of a key: a changed one is seen by nobody but the caller who repeats it.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from ledger.domain.audit import Kind
from ledger.domain.health import Fault, Health
from ledger.domain.identifiers import to_hex
from ledger.errors import InvalidInput
from ledger.services.fsck_decisions import KeptDecisions
from ledger.services.fsck_page import Access, CloseRow, Page, id_of
from ledger.transparency import canonical


class Rows:
    """The rows of one log.

    Args:
        health: Where faults are noted.
        decisions: Where entries of decisions and erasures go.
        accesses: What the chain recorded, by index; what was looked at is taken out.

    Attributes:
        dense: Whether no row was missing so far.
        count: Rows so far.
    """

    def __init__(self, health: Health, decisions: KeptDecisions, accesses: dict[int, Access]) -> None:
        self._health = health
        self._log = to_hex(health.log)
        self._decisions = decisions
        self._accesses = accesses
        self._appends = _Appends(health)
        self._next = 0
        self.dense = True
        self.count = 0

    def take(self, page: Page) -> int:
        """Take in the next page.

        Returns:
            How many of its rows, from the first on, stand before every gap: behind one the tree has no meaning.
        """
        kept = self._before_gap(page)
        for index in page.changed:
            self._health.note(Fault.CHANGED, index, f"entry {index}: its bytes do not have its leaf hash")
        for index, what in page.misstored:
            self._health.note(Fault.COLUMN, index, f"entry {index}: {what}")
        times: list[object] = list(page.times)
        for row in page.close:
            times[row.place] = self._closely(row, page.leaf(row.place))
        for index in page.told:
            self._accesses.pop(index, None)
        if self.dense:
            self._appends.hold(page.first, page.starts, times)
        self.count += len(times)
        return kept

    def finish(self) -> None:
        """Say what can be said only when all rows were read."""
        if self.dense:
            self._appends.finish(self.count)

    def _before_gap(self, page: Page) -> int:
        """How many of the rows stand before every gap; each gap is noted."""
        kept, seen = len(page.times) if self.dense else 0, 0
        for place, index in [(0, page.first), *page.jumps]:
            self._next += place - seen
            seen = place
            if index != self._next:
                gap = (
                    f"entry {self._next} is" if self._next + 1 == index else f"entries {self._next} to {index - 1} are"
                )
                self._health.note(Fault.MISSING, self._next, f"{gap} not there, though later ones are")
                kept, self.dense = min(kept, place), False
            self._next = index
        self._next += len(page.times) - seen
        return kept

    def _closely(self, row: CloseRow, leaf: bytes) -> object:
        """Read an entry strictly, and name everything that is wrong with its row; returns the time that it names."""
        index, told = row.index, self._accesses.get(row.index)
        try:
            entry = canonical.decode_object(row.document)
        except InvalidInput as problem:
            self._health.note(Fault.CHANGED, index, f"entry {index}: {problem}")
            return None
        if not canonical.same([entry.get("index"), entry.get("log")], [index, self._log]):
            said = f"entry {entry.get('index')} of log {entry.get('log')}"
            self._health.note(Fault.MOVED, index, f"row {index} holds {said}")
        named = entry.get("decision")
        if row.decision != (id_of(named) if isinstance(named, str) else None):
            self._health.note(Fault.COLUMN, index, f"entry {index}: its row is found under another decision")
        if told is not None and told != (leaf, entry.get("study"), entry.get("engine")):
            self._health.note(Fault.ACCESS, index, f"entry {index}: the chain recorded another access for it")
        if entry.get("kind") == Kind.DECISION:
            self._decisions.hold(index, entry)
        elif entry.get("kind") == Kind.ERASURE:
            self._decisions.count_erased(entry)
        return entry.get("time")


class _Appends:
    """The appends that entries came with: each begins at a row with a key and a count, and has no other such row."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._first = self._end = 0  # the append that is being read
        self._time: object = None

    def hold(self, first: int, starts: Sequence[tuple[int, Any, Any]], times: Sequence[object]) -> None:
        """Hold the next rows against the appends, from index ``first`` on; see ``Page``."""
        self._go_on(first, times[: starts[0][0] if starts else None])
        for (place, key, count), then in zip_longest(starts, starts[1:]):
            self._begin(first + place, key, count, times[place])
            self._go_on(first + place, times[place : then[0] if then else None])

    def finish(self, size: int) -> None:
        """Hold the last append against the size of the log."""
        if self._end > size:
            self._note(self._first, f"its append is said to end at {self._end}, the log ends at {size}")

    def _begin(self, index: int, key: str | None, count: int | None, time: object) -> None:
        if not key or count is None or count < 1:
            self._note(index, "its row has a key without a count, or a count without a key")
        if index < self._end:
            self._note(index, f"its row begins an append, within one that is said to go on to {self._end}")
        self._first, self._end, self._time = index, index + (count or 1), time

    def _go_on(self, first: int, times: Sequence[object]) -> None:
        """The next rows are of the append that is being read."""
        end = first + len(times)
        if end > self._end and first <= self._end:
            self._note(self._end, "its row belongs to no append; a key was taken away, or a count was changed")
        if times.count(self._time) == len(times):
            return
        for index, time in enumerate(times, first):
            if self._time is None:
                self._time = time
            if time not in (self._time, None):
                self._note(index, f"it is of another time than its append, which is said to begin at {self._first}")
                return

    def _note(self, index: int, what: str) -> None:
        self._health.note(Fault.COLUMN, index, f"entry {index}: {what}")
