"""The snapshot: all facts that decide, of one block, in memory, never changed once made.

A new block makes a new snapshot that shares the old one's table and adds its own few rows, so readers keep a whole
view of one block while the next is swapped in, and a block costs what it changes. When the added rows grow past a share
of the table, they are folded into a new one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from secrets import token_bytes
from typing import NamedTuple

import numpy as np

from ledger.domain.consent import Consent
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.directory import Dataset, Engine, Institution, Study
from ledger.domain.events import Block
from ledger.domain.ontology import Ontology
from ledger.domain.policy import Request, Setting
from ledger.domain.projection import Fact, Subject
from ledger.domain.release import Release, judge, restrict
from ledger.domain.sheet import Sheet
from ledger.snapshot.answers import answer_all, answer_sheet
from ledger.snapshot.building import build, fold
from ledger.snapshot.cohort import Sweep, sweep
from ledger.snapshot.question import Question, compile_question
from ledger.snapshot.table import State

FOLD_AT = 1 / 64
FOLD_LEAST = 4_096
MOST_LATE = 16_384
"""Subjects that came after a table was built: in a commitment to a cohort each of them is hashed by itself."""
MOST_QUESTIONS = 1_024
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Decisions as of ``block``; implements ``services.context.View``. ``table`` holds subjects and consents."""

    block: Block
    table: State
    institutions: dict[bytes, Institution] = field(default_factory=dict)
    studies: dict[bytes, Study] = field(default_factory=dict)
    engines: dict[bytes, Engine] = field(default_factory=dict)
    datasets: dict[bytes, Dataset] = field(default_factory=dict)
    ontology: Ontology | None = field(default=None, compare=False, repr=False)
    questions: dict[Request, Question] = field(default_factory=dict, compare=False, repr=False)
    """Requests as compiled at the instant of their last question; many questions of one second share them."""
    last: list[Question] = field(default_factory=list, compare=False, repr=False)
    """The last of them: to find an equal request takes as long as to answer it."""
    releases: dict[tuple[bytes, bytes | None, bytes], tuple[int, Release]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """By study, dataset and custodian: since when an answer of the data-use layer was found to hold, and the answer.
    Blocks in which no study and no dataset changed share them."""

    @classmethod
    def build(
        cls, block: Block, facts: Iterable[Fact], ontology: Ontology | None = None, *, key: bytes | None = None
    ) -> "Snapshot":
        """Build from every fact that holds at ``block``.

        Args:
            block: The block.
            facts: Each the only one of its key, in any order.
            ontology: What the operator loaded.
            key: 32 secret bytes that order the subjects; None: fresh ones.
        """
        directory = _Directory({}, {}, {}, {})
        table = build(key or token_bytes(KEY_BYTES), directory.sieve(facts))
        return cls(block, table, *directory, ontology=ontology)

    def advance(self, block: Block, facts: Iterable[Fact]) -> "Snapshot":
        """The snapshot of a later block.

        Args:
            block: That block.
            facts: What began after this snapshot's block, the last fact of each key.
        """
        directory = _Directory(dict(self.institutions), dict(self.studies), dict(self.engines), dict(self.datasets))
        table = self.table.advance(directory.sieve(facts))
        added = table.extra - table.shared.surplus
        if added > max(FOLD_LEAST, table.subjects * FOLD_AT) or table.subjects - table.shared.built > MOST_LATE:
            table = fold(table)
        same = directory.studies == self.studies and directory.datasets == self.datasets
        return Snapshot(block, table, *directory, ontology=self.ontology, releases=self.releases if same else {})

    def setting(self, request: Request) -> Setting:
        """What the Directory says of a request."""
        study = self.studies.get(request.study)
        institution = None if study is None else self.institutions.get(study.institution)
        return Setting(study, institution, self.engines.get(request.engine))

    def decide(self, request: Request, subjects: Sequence[bytes], at: int) -> list[Decision]:
        """One decision a subject, in order; equal to ``policy.decide`` and ``release.restrict`` on the same facts."""
        question = self._compiled(request, at)
        found = answer_all(self.table, question, subjects)
        if self.datasets or request.dataset is not None:
            self._restrict(found, request, subjects, at)
        return found

    def sheet(self, request: Request, subjects: Sequence[bytes], at: int) -> Sheet | None:
        """As ``decide``, in columns; None where the data-use layer has a word in it."""
        if self.datasets or request.dataset is not None:
            return None
        return answer_sheet(self.table, self._compiled(request, at), subjects)

    def _restrict(self, found: list[Decision], request: Request, subjects: Sequence[bytes], at: int) -> None:
        """Put every permit before the data-use layer, which is asked once a custodian."""
        asked: dict[bytes, Release] = {}
        for place, subject in enumerate(subjects):
            if not found[place].permitted:
                continue
            custodian = self.table.custodian_of(subject)
            release = asked.get(custodian)
            if release is None:
                release = asked[custodian] = self._released(request, custodian, at)
            found[place] = restrict(found[place], release)

    def _released(self, request: Request, custodian: bytes, at: int) -> Release:
        key = (request.study, request.dataset, custodian)
        since, held = self.releases.get(key, (at, None))
        if held is None or not since <= at < held.valid_until:
            study = self.studies[request.study]
            held = judge(request, study, custodian, self.datasets.values(), at, self.ontology)
            if len(self.releases) >= MOST_QUESTIONS:
                self.releases.clear()
            self.releases[key] = (at, held)
        return held

    def _compiled(self, request: Request, at: int) -> Question:
        last = self.last[0] if self.last else None
        if last is not None and last.request is request and last.at == at:
            return last
        held = self.questions.get(request)
        if held is None or held.at != at:
            held = compile_question(request, self.setting(request), at)
            if len(self.questions) >= MOST_QUESTIONS:
                self.questions.clear()
            self.questions[request] = held
        self.last[:] = [held]
        return held

    def subjects(self, custodian: bytes | None = None) -> list[bytes]:
        """Enrolled subjects (of a custodian), by id."""
        return sorted(self.table.enrolled(custodian))

    def cohort(self, request: Request, at: int, custodian: bytes | None = None) -> Sweep:
        """The decisions on all enrolled subjects (of a custodian) together; equal to ``decide`` on each of them."""
        found = sweep(self.table, self._compiled(request, at), custodian)
        if not self.datasets and request.dataset is None:
            return found
        of = self.table.shared.custodian.array[: self.table.subjects]
        names = self.table.shared.custodians.names
        until = found.valid_until
        reasons = Counter(found.reasons)
        for number, count in enumerate(np.bincount(of[found.permitted]).tolist()):
            if not count:
                continue
            release = self._released(request, names[number], at)
            until = min(until, release.valid_until)
            if release.outcome is not Outcome.PERMIT:
                found.permitted[of == number] = False
                reasons.subtract({Reason.PERMITTED: count})
                reasons.update({release.reason: count})
        return replace(found, reasons={reason: count for reason, count in reasons.items() if count}, valid_until=until)


class _Directory(NamedTuple):
    """The facts that are few, in the order of the snapshot's fields."""

    institutions: dict[bytes, Institution]
    studies: dict[bytes, Study]
    engines: dict[bytes, Engine]
    datasets: dict[bytes, Dataset]

    def sieve(self, facts: Iterable[Fact]) -> Iterator[Consent | Subject]:
        """Keep what belongs here and pass on what belongs in the table."""
        for fact in facts:
            match fact:
                case Consent() | Subject():
                    yield fact
                case Institution():
                    self.institutions[fact.id] = fact
                case Study():
                    self.studies[fact.id] = fact
                case Dataset():
                    self.datasets[fact.id] = fact
                case Engine():
                    self.engines[fact.id] = fact
