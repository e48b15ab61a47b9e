"""Everybody at once: the decisions on all subjects of a table, as passes over its columns.

The verdict on each profile is looked up for each row; a row counts if it lives and its validity holds the instant. So
validity moves with time and nothing is built anew. The work goes in parts of the subjects, each done from beginning to
end by one core.

Invariant: equal to one decision after the other (``answers``), for every subject.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from typing import Final, TypeVar

import numpy as np

from ledger.domain.decision import Reason
from ledger.domain.vocabulary import FOREVER
from ledger.snapshot.answers import answer_all
from ledger.snapshot.columns import Array
from ledger.snapshot.profiles import COVERS, DENIES, LIVE, STALE, UNREADABLE
from ledger.snapshot.question import Question
from ledger.snapshot.rows import Rows, Window
from ledger.snapshot.table import UNKNOWN_CUSTODIAN, State
from ledger.transparency.register import PagedCohort

_T = TypeVar("_T")
_Task = TypeVar("_Task")
PART: Final = 1 << 17
"""Subjects of one part. With fewer, handing Python's lock over at each step costs more than a core's cache saves."""
_WORKERS: Final = min(8, cpu_count() or 1)
_TURNS: Final = 4
_LEAST_PARTS: Final = 8
"""With fewer parts it takes longer to begin threads than to do the work."""
_OTHERS: Final = 2 * UNREADABLE
"""Marks subjects that were not asked about, and those that are looked at by themselves."""
_PERMITS: Final = LIVE | COVERS
_TOLD: Final = {
    0: Reason.NO_CONSENT,
    LIVE: Reason.NOT_COVERED,
    LIVE | STALE: Reason.RECONSENT_REQUIRED,
    _PERMITS: Reason.PERMITTED,
    DENIES: Reason.DENIED_BY_SUBJECT,
    UNREADABLE: Reason.UNKNOWN_CODE,
}
"""What the verdict on a subject tells: of those on its consents the greatest, which is the strictest."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What was found about every subject, by its number.

    Attributes:
        considered: Who was asked about.
        permitted: Who of them is permitted.
        reasons: How many of those considered were given each reason.
        valid_until: The first instant (seconds UTC) after the question's at which time alone could change a decision.
    """

    considered: Array
    permitted: Array
    reasons: dict[Reason, int]
    valid_until: int


def sweep(state: State, question: Question, custodian: bytes | None = None) -> Sweep:
    """Decide on all enrolled subjects (of a custodian).

    Args:
        state: The table as of a block.
        question: What is asked, compiled against the Directory of the same block.
        custodian: Whose subjects; None: all.
    """
    of = state.shared.custodian.array[: state.subjects]
    number = None if custodian is None else state.shared.custodians.numbers.get(custodian, -1)
    if question.refusal is not None:
        considered = _considered(of, number)
        count = int(np.count_nonzero(considered))
        reasons = {question.refusal.reason: count} if count else {}
        return Sweep(considered, np.zeros(state.subjects, bool), reasons, FOREVER)
    work = _Work(state, question, number)
    work.run()
    until = min(question.ethics_until, work.until) if work.asked else FOREVER
    return Sweep(work.considered, work.permitted, work.reasons(), until)


def _considered(of: Array, custodian: int | None) -> Array:
    found: Array = of != UNKNOWN_CUSTODIAN if custodian is None else of == custodian
    return found


def commit(state: State, found: Sweep, seed: bytes) -> PagedCohort:
    """The commitment to what was found, over the register of the table.

    Args:
        state: The table that was swept.
        found: What was found.
        seed: 32 fresh random bytes.
    """
    built = state.shared.built
    considered, permitted = (np.packbits(bits[:built]).tobytes() for bits in (found.considered, found.permitted))
    later = [(state.id(place), bool(found.permitted[place])) for place in range(built, state.subjects)]
    asked = [one for one, meant in zip(later, found.considered[built:].tolist(), strict=True) if meant]
    return PagedCohort(state.register(), seed, considered, permitted, asked)


class _Work:
    """What is done for one sweep."""

    def __init__(self, state: State, question: Question, custodian: int | None) -> None:
        self._state = state
        self._question = question
        self._custodian = custodian
        self._verdicts: Array = np.frombuffer(state.shared.profiles.verdicts(question), np.uint8)
        self._occur = frozenset(np.flatnonzero(np.bincount(self._verdicts)).tolist())
        self._further = state.shared.owner.array[: min(state.extra, state.shared.surplus)]
        self._added: Array | None = None
        self._undecided: list[Array] = []
        self._counts = np.zeros(len(_TOLD), np.int64)
        self.considered = np.empty(state.subjects, bool)
        self.permitted = np.empty(state.subjects, bool)
        self.until = FOREVER

    def run(self) -> None:
        """Look at everybody."""
        self._look_at_added()
        parts = _parts(self._state.subjects)
        ends = np.array([0, *(part.stop for part in parts)], self._further.dtype)
        rows = np.searchsorted(self._further, ends).tolist()  # those of a subject stand together
        done = _on_all_cores(self._do, list(zip(parts, map(slice, rows, rows[1:]), strict=True)))
        self.until = min([self.until, *(until for _, until in done)])
        self._counts = sum((counts for counts, _ in done), self._counts)

    @property
    def asked(self) -> int:
        """How many were asked about."""
        return int(self._counts.sum()) + sum(map(len, self._undecided))

    def reasons(self) -> dict[Reason, int]:
        """How many were given each reason."""
        found = Counter(dict(zip(_TOLD.values(), self._counts.tolist(), strict=True)))
        if self._undecided:
            places = np.concatenate(self._undecided).tolist()
            decisions = answer_all(self._state, self._question, [self._state.id(place) for place in places])
            found.update(decision.reason for decision in decisions)
        return {reason: count for reason, count in found.items() if count}

    def _look_at_added(self) -> None:
        """Consents beside the first that came after the table was built: few, and in no order."""
        start, extra, shared = len(self._further), self._state.extra, self._state.shared
        if start == extra:
            return
        part = slice(start, extra)
        owner = shared.owner.array[part]
        others = _considered(shared.custodian.array[owner], self._custodian)
        found, self.until = self._look(shared.more, part, shared.more.window(part, self._question.at), others)
        self._added = np.zeros(self._state.subjects, np.uint8)
        np.maximum.at(self._added, owner, found)

    def _do(self, task: tuple[slice, slice]) -> tuple[Array, int]:
        """Decide on a part of the subjects: the first consent of each, those beside it, and what they say together."""
        part, rows = task
        shared, at = self._state.shared, self._question.at
        considered = self.considered[part]
        considered[:] = _considered(shared.custodian.array[part], self._custodian)
        everybody = bool(considered.all())
        until = FOREVER
        several: list[Array] = []
        seen = np.zeros(0, np.uint8)
        firsts = slice(part.start, min(part.stop, shared.built))
        size = max(0, firsts.stop - firsts.start)
        if size:
            window = shared.first.window_of(firsts, at)
            seen, until = self._look(shared.first, firsts, window, None if everybody else considered[:size])
        if size < len(considered):
            seen = np.concatenate([seen[:size], np.zeros(len(considered) - size, np.uint8)])
        if rows.start < rows.stop:
            owner = self._further[rows] - np.uint32(part.start)
            window = shared.more.window_of(rows, at)
            found, ahead = self._look(shared.more, rows, window, None if everybody else considered[owner])
            np.maximum.at(seen, owner, found)
            several.append(owner)
            until = min(until, ahead)
        if self._added is not None:
            np.maximum(seen, self._added[part], out=seen)
            several.append(np.flatnonzero(self._added[part]))
        if not everybody:
            seen[~considered] = _OTHERS
        return self._conclude(part, seen, several), until

    def _look(self, rows: Rows, part: slice, window: Window, considered: Array | None) -> tuple[Array, int]:
        """The verdict on each row of a part that counts now, and the first end or start of one that lies ahead."""
        counts = rows.dead.array[part] > self._state.number
        if considered is not None:
            counts &= considered
        ahead = window.end
        if ahead < FOREVER and not counts[window.turns]:
            ahead = rows.next_turn(part, self._question.at, counts)
        counts &= window.valid
        found = self._verdicts.take(rows.profile.array[part], mode="clip")
        found *= counts.view(np.uint8)
        return found, min(FOREVER, ahead)

    def _conclude(self, part: slice, seen: Array, several: Sequence[Array]) -> Array:
        """Write down who is permitted, and count what was seen."""
        np.equal(seen, _PERMITS, out=self.permitted[part])
        if UNREADABLE in self._occur and several:
            # Beside a deny the lowest id says which of the two is named.
            unsure = np.zeros(len(seen), bool)
            for owner in several:
                unsure[owner] = True
            unsure &= seen == UNREADABLE
            self._undecided.append(np.flatnonzero(unsure) + part.start)
            seen[unsure] = _OTHERS
        nothing = len(seen) - np.count_nonzero(seen)
        counts = [np.count_nonzero(seen == verdict) if verdict in self._occur else 0 for verdict in _TOLD if verdict]
        return np.array([nothing, *counts])


def _on_all_cores(work: Callable[[_Task], _T], parts: Sequence[_Task]) -> list[_T]:
    """The work on each part, some turns a core as none is sure to be free; little work is done here and now."""
    if len(parts) < _LEAST_PARTS:
        return [work(part) for part in parts]
    turns = [parts[turn :: _TURNS * _WORKERS] for turn in range(_TURNS * _WORKERS)]
    with ThreadPoolExecutor(_WORKERS) as pool:
        return [done for each in pool.map(lambda turn: [work(part) for part in turn], turns) for done in each]


def _parts(end: int) -> list[slice]:
    """A range in parts; none of nothing."""
    return [slice(first, min(first + PART, end)) for first in range(0, end, PART)]
