"""What consents say, each saying kept once, and the rule over all of them: the fast form of ``ledger.domain.policy``.

A profile is a scope without its validity: effect, recipient, purposes, conditions, operations, categories, data window,
diseases and the version of the text. Millions of consents are given on a few forms, so profiles are few; a question is
put to each profile once, and every consent then finds its answer by number.

Invariants:

- A profile keeps the attributes of one consent together: bitmaps kept by attribute over subjects would mix those of two
  consents and permit what neither does.
- A profile never changes and keeps its number. Verdicts do not depend on time.
- A consent that is not understood has a profile that denies every question.
"""

import threading
from typing import Final

import numpy as np

from ledger.domain.consent import ZERO_ID, Consent
from ledger.domain.vocabulary import ANY16, Effect, Purpose, RecipientKind
from ledger.snapshot.columns import Array, Column
from ledger.snapshot.question import Match, Question

NOTHING: Final = 0
"""The profile of no consent."""

# Verdicts, as bits: those of a subject's consents are put together by "or".
LIVE: Final = 1
"""A permit, whether or not it covers the question."""
STALE: Final = 2
"""A permit that covers the question, on a text that is too old."""
COVERS: Final = 4
"""A permit that covers the question."""
DENIES: Final = 8
"""A deny that touches the question."""
UNREADABLE: Final = 16
"""Not understood."""

MOST_KEPT: Final = 1 << 26
"""Bytes of verdicts that are kept."""
MOST_SHARED: Final = 1 << 20
"""Profiles that are looked up when a consent comes; beyond it each consent has one of its own."""
_BIGGEST: Final = (1 << 63) - 1
_ANYBODY: Final = (int(RecipientKind.ANY), ZERO_ID)
_NAMES: Final = (
    ("who", np.uint32),
    ("purposes", np.uint16),
    ("conditions", np.uint16),
    ("operations", np.uint16),
    ("categories", np.uint32),
    ("data_from", np.int64),
    ("data_until", np.int64),
    ("diseases", np.uint32),
    ("terms", np.int64),
    ("kind", np.uint8),
)
_NONE, _PERMIT, _DENY, _UNREADABLE = range(4)


class Profiles:
    """The profiles of one snapshot and those after it. One thread writes; any number read.

    Readers only ask about numbers that they found in a row, and those are written before the row is.
    """

    def __init__(self) -> None:
        self._columns = {name: Column(np.zeros(64, dtype)) for name, dtype in _NAMES}
        self._numbers: dict[tuple[object, ...], int] = {}
        self._recipients: dict[tuple[int, bytes], int] = {_ANYBODY: 1}
        self._disease_sets: dict[int, int] = {0: 0}
        self._sets: list[frozenset[int]] = [frozenset()]
        self.versions: dict[int, int] = {}
        """The version of a consent that is not understood, by profile."""
        self.count = 1
        self._verdicts: dict[Match, memoryview] = {}
        self._lock = threading.Lock()

    def number(self, consent: Consent) -> int:
        """The profile of a consent that is not withdrawn."""
        if not consent.is_understood():
            return self._intern((consent.version,), (0,) * 9 + (_UNREADABLE,), consent.version)
        scope = consent.scope
        key = (
            scope.effect,
            scope.recipient_kind,
            scope.recipient,
            scope.purposes,
            scope.conditions,
            scope.operations,
            scope.categories,
            scope.data_from,
            scope.data_until,
            scope.diseases,
            consent.terms_version,
        )
        held = self._numbers.get(key)
        if held is not None:
            return held
        who = self._recipients.setdefault((scope.recipient_kind, scope.recipient), len(self._recipients) + 1)
        named = self._disease_sets.setdefault(scope.diseases, len(self._sets))
        if named == len(self._sets):
            self._sets.append(scope.disease_codes())
        kind = _PERMIT if scope.effect == Effect.PERMIT else _DENY
        terms = min(consent.terms_version, _BIGGEST)
        return self._intern(key, (who, *key[3:9], named, terms, kind))

    def _intern(self, key: tuple[object, ...], values: tuple[object, ...], version: int | None = None) -> int:
        held = self._numbers.get(key)
        if held is not None:
            return held
        number = self.count
        for column, value in zip(self._columns.values(), values, strict=True):
            column.reserve(number + 1)
            column.array[number] = value
        if version is not None:
            self.versions[number] = version
        if len(self._numbers) < MOST_SHARED:
            self._numbers[key] = number
        self.count = number + 1
        return number

    def verdicts(self, question: Question) -> memoryview:
        """The verdict on each profile, by number: one byte each.

        Args:
            question: One that is not refused.
        """
        last = question.verdicts
        if not last or len(last[0]) < self.count:
            assert question.match is not None
            last[:] = [self._verdicts_on(question.match)]
        return last[0]

    def _verdicts_on(self, match: Match) -> memoryview:
        with self._lock:
            held, count = self._verdicts.get(match, memoryview(b"")), self.count
            if len(held) < count:
                if match not in self._verdicts and (len(self._verdicts) + 1) * count > MOST_KEPT:
                    self._verdicts.clear()
                held = memoryview(held.tobytes() + self.judge(match, len(held), count).tobytes())
                self._verdicts[match] = held
            return held

    def judge(self, match: Match, first: int, last: int) -> Array:
        """The rule, on profiles ``first <= number < last`` at once."""
        columns = {name: column.array[first:last] for name, column in self._columns.items()}
        who, purposes, conditions = columns["who"], columns["purposes"], columns["conditions"]
        operations, categories = columns["operations"], columns["categories"]
        begins, ends, kind = columns["data_from"], columns["data_until"], columns["kind"]
        concerned = self._for_recipient(who, match) & ((operations & match.operation) != 0)
        covers = (
            concerned
            & ((~categories & match.categories) == 0)
            & ((~conditions & match.conditions) == 0)
            & (begins <= match.data_from)
            & (match.data_until <= ends)
        )
        for accepted in match.accepts:
            covers &= (purposes & accepted) != 0
        if match.disease:
            covers &= ((purposes & match.disease) != 0) | self._of_diseases(purposes, columns["diseases"], match)
        touches = (
            concerned
            & ((categories & match.categories) != 0)
            & ((purposes & match.touches) != 0)
            & ((conditions == ANY16) | ((conditions & match.conditions) != 0))
            & (begins < match.data_until)
            & (match.data_from < ends)
        )
        fresh = columns["terms"] >= match.required_terms
        verdict = np.zeros(last - first, np.uint8)
        permit = kind == _PERMIT
        verdict[permit] = LIVE
        verdict[permit & covers & fresh] = LIVE | COVERS
        verdict[permit & covers & ~fresh] = LIVE | STALE
        verdict[(kind == _DENY) & touches] = DENIES
        verdict[kind == _UNREADABLE] = UNREADABLE
        return verdict

    def _for_recipient(self, who: Array, match: Match) -> Array:
        found: Array = who == self._recipients[_ANYBODY]
        for named in ((RecipientKind.INSTITUTION, match.institution), (RecipientKind.STUDY, match.study)):
            number = self._recipients.get((int(named[0]), named[1]))
            if number is not None:
                found |= who == number
        return found

    def _of_diseases(self, purposes: Array, diseases: Array, match: Match) -> Array:
        """Whether a consent by disease names, for every disease of the study, it or an ancestor."""
        if not match.closures:
            return np.zeros(len(purposes), bool)
        sets = self._sets[: int(diseases.max(initial=0)) + 1]
        inside = [all(not named.isdisjoint(closure) for closure in match.closures) for named in sets]
        by_disease: Array = (purposes & int(Purpose.DS)) != 0
        by_disease &= np.array(inside, bool)[diseases]
        return by_disease
