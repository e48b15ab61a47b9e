"""Everybody at once: the decisions on all subjects of a table, as passes over its columns.

The verdict on each profile is looked up for each row; a row counts if it lives and its validity holds the instant. So
validity moves with time and nothing is built anew. Passes go in parts that fit into a core's cache, on all cores.

Invariant: equal to one decision after the other (``answers``), for every subject.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from os import cpu_count
from typing import Final, TypeVar

import numpy as np

from ledger.domain.decision import Reason
from ledger.domain.vocabulary import FOREVER
from ledger.snapshot.answers import answer_all
from ledger.snapshot.columns import Array
from ledger.snapshot.profiles import COVERS, DENIES, LIVE, STALE, UNREADABLE
from ledger.snapshot.question import Question
from ledger.snapshot.rows import Rows
from ledger.snapshot.table import UNKNOWN_CUSTODIAN, State
from ledger.transparency.register import PagedCohort

_T = TypeVar("_T")
PART: Final = 1 << 15
"""Rows of one part."""
_WORKERS: Final = min(8, cpu_count() or 1)
_OTHERS: Final = 32
"""Marks subjects that were not asked about; all sums of verdicts lie below."""
_REFUSES: Final = DENIES | UNREADABLE
_DECIDES: Final = COVERS | _REFUSES | _OTHERS
_TOLD: Final = (
    Reason.PERMITTED,
    Reason.DENIED_BY_SUBJECT,
    Reason.UNKNOWN_CODE,
    Reason.RECONSENT_REQUIRED,
    Reason.NOT_COVERED,
    Reason.NO_CONSENT,
)


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
    if custodian is None:
        considered: Array = of != UNKNOWN_CUSTODIAN
    else:
        considered = of == state.shared.custodians.numbers.get(custodian, -1)
    count = int(np.count_nonzero(considered))
    if question.refusal is not None or not count:
        reasons = {question.refusal.reason: count} if question.refusal is not None and count else {}
        return Sweep(considered, np.zeros(state.subjects, bool), reasons, FOREVER)
    passes = _Passes(state, question, considered, everybody=count == state.subjects)
    passes.run()
    return Sweep(considered, passes.permitted, passes.reasons(), min(question.ethics_until, passes.until))


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


class _Passes:
    """The passes of one sweep."""

    def __init__(self, state: State, question: Question, considered: Array, *, everybody: bool) -> None:
        self._state = state
        self._question = question
        self._considered = considered
        self._everybody = everybody
        self._verdicts: Array = np.frombuffer(state.shared.profiles.verdicts(question), np.uint8)
        self._seen = np.zeros(state.subjects, np.uint8)
        self.permitted = np.empty(state.subjects, bool)
        self.until = FOREVER
        self._counts = np.zeros(len(_TOLD), np.int64)
        self._undecided: list[Array] = []

    def run(self) -> None:
        """Look at all rows, then put together what was seen of each subject."""
        state = self._state
        untils = _on_all_cores(self._first, state.shared.built)
        untils += map(self._further, _parts(state.extra, state.extra // PART))
        self.until = min(untils, default=FOREVER)
        self._counts = sum(_on_all_cores(self._conclude, state.subjects), self._counts)

    def reasons(self) -> dict[Reason, int]:
        """How many were given each reason."""
        found = Counter(dict(zip(_TOLD, self._counts.tolist(), strict=True)))
        if self._undecided:
            places = np.concatenate(self._undecided).tolist()
            decisions = answer_all(self._state, self._question, [self._state.id(place) for place in places])
            found.update(decision.reason for decision in decisions)
        return {reason: count for reason, count in found.items() if count}

    def _first(self, whole: slice) -> int:
        """The first consent of each subject."""
        until = FOREVER
        for start in range(whole.start, whole.stop, PART):
            part = slice(start, min(start + PART, whole.stop))
            others = None if self._everybody else self._considered[part]
            self._seen[part], end = self._look(self._state.shared.first, part, others)
            until = min(until, end)
        return until

    def _further(self, part: slice) -> int:
        """Consents beside the first."""
        owner = self._state.shared.owner.array[part]
        others = None if self._everybody else self._considered[owner]
        found, until = self._look(self._state.shared.more, part, others)
        again = np.zeros(len(owner), bool)  # a subject twice in one assignment would keep one verdict alone
        again[1:] = owner[1:] == owner[:-1]
        if part.stop > self._state.shared.surplus:  # as they came, in no order
            again[max(0, self._state.shared.surplus - part.start) :] = True
        once, which = owner[~again], np.flatnonzero(again & (found != 0))
        self._seen[once] |= found[~again]
        np.bitwise_or.at(self._seen, owner[which], found[which])
        return until

    def _look(self, rows: Rows, part: slice, considered: Array | None) -> tuple[Array, int]:
        """The verdict on each row of a part that counts now, and the first end or start that lies ahead."""
        at = self._question.at
        since, until = rows.since.array[part], rows.until.array[part]
        counts = rows.dead.array[part] > self._state.number
        if considered is not None:
            counts &= considered
        ahead = _next(at, since, until) if counts.all() else _next(at, since[counts], until[counts])
        counts &= since <= at
        counts &= until > at
        found = self._verdicts.take(rows.profile.array[part], mode="clip")
        found *= counts.view(np.uint8)
        return found, ahead

    def _conclude(self, whole: slice) -> Array:
        """Put together what was seen of each subject: the strictest says the reason."""
        counts = np.zeros(len(_TOLD), np.int64)
        for start in range(whole.start, whole.stop, PART):
            part = slice(start, min(start + PART, whole.stop))
            seen, permitted = self._seen[part], self.permitted[part]
            if not self._everybody:
                seen[~self._considered[part]] = _OTHERS
            np.equal(seen & _DECIDES, COVERS, out=permitted)
            both = seen & _REFUSES == _REFUSES  # the lowest id says which is named
            if both.any():
                self._undecided.append(np.flatnonzero(both) + start)
            counts += [
                np.count_nonzero(permitted),
                np.count_nonzero(seen & _REFUSES == DENIES),
                np.count_nonzero(seen & _REFUSES == UNREADABLE),
                np.count_nonzero(seen & (_DECIDES | STALE) == STALE),
                np.count_nonzero(seen == LIVE),
                np.count_nonzero(seen == 0),
            ]
        return counts


def _next(at: int, since: Array, until: Array) -> int:
    """The first start or end after an instant; ``FOREVER`` where there is none."""
    ahead = FOREVER
    for times in (since, until):
        if len(times):
            distance = times - (at + 1)
            nearest = int(distance.view(np.uint64).min())  # what lies behind is below zero, and so far ahead as this
            ahead = min(ahead, at + 1 + nearest)
    return ahead


def _on_all_cores(work: Callable[[slice], _T], size: int) -> list[_T]:
    """The work on each part of a range; little work is done here and now."""
    parts = _parts(size, min(_WORKERS, size // PART))
    if len(parts) < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(work, parts))


def _parts(size: int, count: int) -> list[slice]:
    """A range in so many parts of about one length; at least one, none of nothing."""
    edges = [size * place // max(1, count) for place in range(max(1, count) + 1)]
    return [slice(first, last) for first, last in pairwise(edges) if first < last]
