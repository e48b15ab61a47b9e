"""The snapshot: all facts that decide, of one block, in memory, never changed once made.

A new block makes a new snapshot that shares the old one's large tables and puts its own few changes over them, so
readers keep a whole view of one block while the next is swapped in. When the changes grow past a share of the table,
they are folded into a new one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ledger.domain.consent import Consent
from ledger.domain.decision import Decision
from ledger.domain.directory import Dataset, Engine, Institution, Study
from ledger.domain.events import Block
from ledger.domain.ontology import Ontology
from ledger.domain.policy import Request, Setting
from ledger.domain.projection import Fact, Subject
from ledger.domain.release import Release, judge, restrict
from ledger.snapshot.row import Question, Rows, answer, compile_question, compile_row

FOLD_AT = 1 / 16
FOLD_LEAST = 4_096
MOST_QUESTIONS = 1_024


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Decisions as of ``block``; implements ``services.context.View``.

    ``rows`` maps each enrolled subject to its live consents; ``newer`` holds the rows that replace them.
    """

    block: Block
    rows: dict[bytes, Rows]
    newer: dict[bytes, Rows]
    custodians: dict[bytes, bytes]
    institutions: dict[bytes, Institution] = field(default_factory=dict)
    studies: dict[bytes, Study] = field(default_factory=dict)
    engines: dict[bytes, Engine] = field(default_factory=dict)
    datasets: dict[bytes, Dataset] = field(default_factory=dict)
    ontology: Ontology | None = field(default=None, compare=False, repr=False)
    questions: dict[Request, Question] = field(default_factory=dict, compare=False, repr=False)
    """Requests as compiled at the instant of their last question; many questions of one second share them."""
    releases: dict[tuple[bytes, bytes | None, bytes], tuple[int, Release]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """By study, dataset and custodian: since when an answer of the data-use layer was found to hold, and the answer.
    Blocks in which no study and no dataset changed share them."""

    @classmethod
    def build(cls, block: Block, facts: Iterable[Fact], ontology: Ontology | None = None) -> "Snapshot":
        """Build from every fact that holds at ``block``; ``ontology`` is what the operator loaded."""
        return cls(block, {}, {}, {}, ontology=ontology).advance(block, facts)

    def advance(self, block: Block, facts: Iterable[Fact]) -> "Snapshot":  # noqa: C901 - one case a fact
        """The snapshot of a later block.

        Args:
            block: That block.
            facts: What began after this snapshot's block, the last fact of each key.
        """
        changed = dict(self.newer)
        custodians = self.custodians
        copied = False
        institutions, studies, engines = dict(self.institutions), dict(self.studies), dict(self.engines)
        datasets, releases = dict(self.datasets), self.releases
        for fact in facts:
            match fact:
                case Consent():
                    held = changed.get(fact.subject)
                    if held is None:
                        held = self.rows.get(fact.subject, ())
                    row = compile_row(fact)
                    kept = tuple(other for other in held if other.id != fact.id)
                    changed[fact.subject] = kept if row is None else (*kept, row)
                case Subject():
                    if not copied:
                        custodians, copied = dict(custodians), True
                    custodians[fact.id] = fact.custodian
                    if fact.id not in self.rows:
                        changed.setdefault(fact.id, ())
                case Institution():
                    institutions[fact.id] = fact
                case Study():
                    studies[fact.id] = fact
                    releases = {}
                case Dataset():
                    datasets[fact.id] = fact
                    releases = {}
                case Engine():
                    engines[fact.id] = fact
        rows = self.rows
        if len(changed) > max(FOLD_LEAST, len(rows) * FOLD_AT) or not rows:
            rows, changed = rows | changed, {}
        return Snapshot(
            block,
            rows,
            changed,
            custodians,
            institutions,
            studies,
            engines,
            datasets,
            self.ontology,
            releases=releases,
        )

    def setting(self, request: Request) -> Setting:
        """What the Directory says of a request."""
        study = self.studies.get(request.study)
        institution = None if study is None else self.institutions.get(study.institution)
        return Setting(study, institution, self.engines.get(request.engine))

    def decide(self, request: Request, subjects: Sequence[bytes], at: int) -> list[Decision]:
        """One decision a subject, in order; equal to ``policy.decide`` and ``release.restrict`` on the same facts."""
        question = self._compiled(request, at)
        newer, rows = self.newer, self.rows
        if newer:
            found = [
                answer(question, held if (held := newer.get(subject)) is not None else rows.get(subject))
                for subject in subjects
            ]
        else:
            found = [answer(question, rows.get(subject)) for subject in subjects]
        if self.datasets or request.dataset is not None:
            self._restrict(found, request, subjects, at)
        return found

    def _restrict(self, found: list[Decision], request: Request, subjects: Sequence[bytes], at: int) -> None:
        """Put every permit before the data-use layer, which is asked once a custodian."""
        asked: dict[bytes, Release] = {}
        for place, subject in enumerate(subjects):
            if not found[place].permitted:
                continue
            custodian = self.custodians[subject]
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
        held = self.questions.get(request)
        if held is None or held.at != at:
            held = compile_question(request, self.setting(request), at)
            if len(self.questions) >= MOST_QUESTIONS:
                self.questions.clear()
            self.questions[request] = held
        return held

    def subjects(self, custodian: bytes | None = None) -> list[bytes]:
        """Enrolled subjects (of a custodian), by id."""
        if custodian is None:
            return sorted(self.custodians)
        return sorted(subject for subject, owner in self.custodians.items() if owner == custodian)
