"""Everybody at once: the decisions on all subjects of a table, as passes over its columns.

The verdict on each profile is looked up for each row; a row counts if it lives and its validity holds the instant. So
validity moves with time and nothing is built anew. Passes go in parts that fit into a core's cache, on all cores.

Invariant: equal to one decision after the other (``answers``), for every subject.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from ledger.snapshot.rows import ALWAYS, NEVER, Rows
from ledger.snapshot.table import UNKNOWN_CUSTODIAN, State
from ledger.transparency.register import PagedCohort

_T = TypeVar("_T")
PART: Final = 1 << 16
"""Rows of one part."""
_WORKERS: Final = min(8, cpu_count() or 1)
_TURNS: Final = 4
_LEAST_PARTS: Final = 8
"""With fewer parts it takes longer to begin threads than to do the work."""
_BEGIN: Final = np.array([True])
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
        state, surplus = self._state, min(self._state.extra, self._state.shared.surplus)
        owner = state.shared.owner.array[:surplus]
        untils = _on_all_cores(self._first, _parts(state.shared.built))
        untils += _on_all_cores(self._further, list(_between_owners(owner, _parts(surplus))))
        untils += map(self._added, _parts(state.extra, surplus))
        self.until = min(untils, default=FOREVER)
        self._counts = sum(_on_all_cores(self._conclude, _parts(state.subjects)), self._counts)

    def reasons(self) -> dict[Reason, int]:
        """How many were given each reason."""
        found = Counter(dict(zip(_TOLD, self._counts.tolist(), strict=True)))
        if self._undecided:
            places = np.concatenate(self._undecided).tolist()
            decisions = answer_all(self._state, self._question, [self._state.id(place) for place in places])
            found.update(decision.reason for decision in decisions)
        return {reason: count for reason, count in found.items() if count}

    def _first(self, part: slice) -> int:
        """The first consent of each subject."""
        others = None if self._everybody else self._considered[part]
        self._seen[part], until = self._look(self._state.shared.first, part, others)
        return until

    def _further(self, part: slice) -> int:
        """Consents beside the first that the table was built with: those of a subject stand together."""
        owner = self._state.shared.owner.array[part]
        found, until = self._look_further(part, owner)
        says = found != 0
        again = says & ~np.concatenate([_BEGIN, owner[1:] != owner[:-1]])  # of one subject, and few
        once, rest = np.flatnonzero(says & ~again), np.flatnonzero(again)
        whose = owner.take(once, mode="clip").astype(np.intp)
        self._seen[whose] = self._seen.take(whose, mode="clip") | found.take(once, mode="clip")
        np.bitwise_or.at(self._seen, owner[rest], found[rest])
        return until

    def _added(self, part: slice) -> int:
        """Consents beside the first that came later, in no order."""
        owner = self._state.shared.owner.array[part]
        found, until = self._look_further(part, owner)
        np.bitwise_or.at(self._seen, owner, found)
        return until

    def _look_further(self, part: slice, owner: Array) -> tuple[Array, int]:
        return self._look(self._state.shared.more, part, None if self._everybody else self._considered[owner])

    def _look(self, rows: Rows, part: slice, considered: Array | None) -> tuple[Array, int]:
        """The verdict on each row of a part that counts now, and the first end or start that lies ahead."""
        at = self._question.at
        until = rows.until.array[part]
        counts = rows.dead.array[part] > self._state.number
        if considered is not None:
            counts &= considered
        chosen = ... if counts.all() else counts
        ahead = _next(at, until[chosen])
        if rows.last_start(part) > at:
            since = rows.since.array[part]
            ahead = min(ahead, _next(at, since[chosen]))
            counts &= since <= at
        counts &= until > at
        found = self._verdicts.take(rows.profile.array[part], mode="clip")
        found *= counts.view(np.uint8)
        return found, ahead

    def _conclude(self, part: slice) -> Array:
        """Put together what was seen of each subject: the strictest says the reason."""
        seen, permitted = self._seen[part], self.permitted[part]
        if not self._everybody:
            seen[~self._considered[part]] = _OTHERS
        np.equal(seen & _DECIDES, COVERS, out=permitted)
        refuses = seen & _REFUSES
        if (refuses == _REFUSES).any():  # the lowest id says which is named
            self._undecided.append(np.flatnonzero(refuses == _REFUSES) + part.start)
        return np.array(
            [
                np.count_nonzero(permitted),
                np.count_nonzero(refuses == DENIES),
                np.count_nonzero(refuses == UNREADABLE),
                np.count_nonzero(seen & (_DECIDES | STALE) == STALE),
                np.count_nonzero(seen == LIVE),
                len(seen) - np.count_nonzero(seen),
            ]
        )


def _next(at: int, times: Array) -> int:
    """The first of some times after an instant; ``FOREVER`` where there is none."""
    if not len(times):
        return FOREVER
    # Shifted so that the instant is the greatest number and the next the least: what lies behind wraps round to far
    # ahead. In signed numbers, as their minimum takes a tenth of the time.
    nearest = int((times + np.int64(NEVER - at)).min())
    return min(FOREVER, at + 1 + nearest - ALWAYS)


def _on_all_cores(work: Callable[[slice], _T], parts: Sequence[slice]) -> list[_T]:
    """The work on each part, some turns a core as none is sure to be free; little work is done here and now."""
    if len(parts) < _LEAST_PARTS:
        return [work(part) for part in parts]
    turns = [parts[turn :: _TURNS * _WORKERS] for turn in range(_TURNS * _WORKERS)]
    with ThreadPoolExecutor(_WORKERS) as pool:
        return [done for each in pool.map(lambda turn: [work(part) for part in turn], turns) for done in each]


def _parts(end: int, start: int = 0) -> list[slice]:
    """A range in parts; none of nothing."""
    return [slice(first, min(first + PART, end)) for first in range(start, end, PART)]


def _between_owners(owner: Array, parts: Iterable[slice]) -> Iterator[slice]:
    """The parts, their ends moved to where the rows of a subject begin: no two write of the same one."""
    begin = 0
    for part in parts:
        end = int(np.searchsorted(owner, owner[part.stop])) if part.stop < len(owner) else len(owner)
        if begin < end:
            yield slice(begin, end)
        begin = end
