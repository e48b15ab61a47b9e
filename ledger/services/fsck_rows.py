"""The rows of a log, a page at a time, each held against its own bytes.

Reading an entry strictly costs ten times what everything else does that is done to a row. So an entry's fields are read
past the rest of it, and what they say is compared with the columns; ``fsck`` says which rows it reads strictly besides.

Invariants: the leaf is recomputed of every row; a row whose fields cannot be read so is read strictly; every entry came
with an append, whose first row holds its key and its count.

What no byte of an entry binds is the text of a key: a changed one is seen by nobody but the caller who repeats it.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import TypeAlias

import msgspec

from ledger.domain.audit import Kind
from ledger.domain.health import Fault, Health
from ledger.domain.identifiers import parse_id, to_hex
from ledger.errors import InvalidInput
from ledger.ports import EntryRow
from ledger.services.fsck_decisions import KeptDecisions
from ledger.transparency import canonical
from ledger.transparency.hashing import leaf_hashes

_TELLING = frozenset({Kind.DECISION.value, Kind.ERASURE.value})  # kinds that tell of what is kept beside the log
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
Access: TypeAlias = tuple[bytes, object, object]
"""What the chain recorded of an access: the entry's leaf, its study and its engine."""


class _Facets(msgspec.Struct, gc=False):
    """The fields of an entry that something outside of it repeats."""

    index: int
    time: int
    log: str
    kind: str
    decision: str
    study: str
    engine: str


_FACETS = msgspec.json.Decoder(_Facets)


class Rows:
    """The rows of one log, in order.

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

    def look(self, rows: Sequence[EntryRow]) -> list[bytes]:
        """Look at the next rows, at least one.

        Returns:
            Their recomputed leaves, as far as no row was missing: behind a gap the tree has no meaning.
        """
        indices, documents, leaves, keys, counts, _ = zip(*rows, strict=True)
        kept = self._before_gap(indices)
        recomputed = leaf_hashes(list(documents))
        if recomputed != list(leaves):
            self._changed(indices, leaves, recomputed)
        times = self._times(rows, recomputed)
        if self.dense:
            self._appends.hold(indices[0], keys, counts, times)
        self.count += len(rows)
        return recomputed[:kept]

    def finish(self) -> None:
        """Say what can be said only when all rows were read."""
        if self.dense:
            self._appends.finish(self.count)

    def _before_gap(self, indices: Sequence[int]) -> int:
        """How many of the rows stand before every gap; each gap is noted."""
        kept, first = len(indices) if self.dense else 0, self._next
        self._next = first + len(indices)
        if indices == tuple(range(first, self._next)):
            return kept
        self._next = first
        for place, index in enumerate(indices):
            if index != self._next:
                gap = (
                    f"entry {self._next} is" if self._next + 1 == index else f"entries {self._next} to {index - 1} are"
                )
                self._health.note(Fault.MISSING, self._next, f"{gap} not there, though later ones are")
                kept, self.dense = min(kept, place), False
            self._next = index + 1
        return kept

    def _changed(self, indices: Sequence[int], leaves: Sequence[bytes], recomputed: Sequence[bytes]) -> None:
        for index, kept, leaf in zip(indices, leaves, recomputed, strict=True):
            if kept != leaf:
                self._health.note(Fault.CHANGED, index, f"entry {index}: its bytes do not have its leaf hash")

    def _times(self, rows: Sequence[EntryRow], leaves: Sequence[bytes]) -> list[object]:
        """Hold each row against its bytes; returns the times that they name."""
        times: list[object] = []
        read, log, told_of = _FACETS.decode, self._log, self._accesses.pop
        for (index, document, _, _, _, decision), leaf in zip(rows, leaves, strict=True):
            told = told_of(index, None)
            try:
                said = read(document)
            except _UNREADABLE:
                times.append(self._closely(index, document, decision, leaf, told))
                continue
            if (
                said.index == index
                and said.log == log
                and _id_of(said.decision) == decision
                and said.kind not in _TELLING
                and (told is None or told == (leaf, said.study, said.engine))
            ):
                times.append(said.time)
            else:
                times.append(self._closely(index, document, decision, leaf, told))
        return times

    def _closely(self, index: int, document: bytes, decision: bytes | None, leaf: bytes, told: Access | None) -> object:
        """Read an entry strictly, and name everything that is wrong with its row; returns the time that it names."""
        try:
            entry = canonical.decode_object(document)
        except InvalidInput as problem:
            self._health.note(Fault.CHANGED, index, f"entry {index}: {problem}")
            return None
        if (entry.get("index"), entry.get("log")) != (index, self._log):
            said = f"entry {entry.get('index')} of log {entry.get('log')}"
            self._health.note(Fault.MOVED, index, f"row {index} holds {said}")
        named = entry.get("decision")
        if decision != (_id_of(named) if isinstance(named, str) else None):
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

    def hold(
        self, first: int, keys: Sequence[str | None], counts: Sequence[int | None], times: Sequence[object]
    ) -> None:
        """Hold the next rows against the appends, from index ``first`` on."""
        starts: list[int] = []
        if keys.count(None) + counts.count(None) != 2 * len(keys):
            starts = [place for place, pair in enumerate(zip(keys, counts, strict=True)) if pair != (None, None)]
        self._go_on(first, times[: starts[0] if starts else None])
        for place, until in zip_longest(starts, starts[1:]):
            self._begin(first + place, keys[place], counts[place], times[place])
            self._go_on(first + place, times[place:until])

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


@lru_cache(4096)
def _id_of(decision: str) -> bytes | None:
    """What the column holds of the decision that an entry names."""
    try:
        return parse_id(decision)
    except InvalidInput:
        return None
