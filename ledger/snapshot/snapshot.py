"""The snapshot: all facts that decide, of one block, in memory, never changed once made.

A new block makes a new snapshot that shares the old one's large tables and puts its own few changes over them, so
readers keep a whole view of one block while the next is swapped in. When the changes grow past a share of the table,
they are folded into a new one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ledger.domain.consent import Consent
from ledger.domain.decision import Decision
from ledger.domain.directory import Engine, Institution, Study
from ledger.domain.events import Block
from ledger.domain.policy import Request, Setting
from ledger.domain.projection import Fact, Subject
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
    questions: dict[Request, Question] = field(default_factory=dict, compare=False, repr=False)
    """Requests as compiled at the instant of their last question; many questions of one second share them."""

    @classmethod
    def build(cls, block: Block, facts: Iterable[Fact]) -> "Snapshot":
        """Build from every fact that holds at ``block``."""
        return cls(block, {}, {}, {}).advance(block, facts)

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
                case Engine():
                    engines[fact.id] = fact
        rows = self.rows
        if len(changed) > max(FOLD_LEAST, len(rows) * FOLD_AT) or not rows:
            rows, changed = rows | changed, {}
        return Snapshot(block, rows, changed, custodians, institutions, studies, engines)

    def setting(self, request: Request) -> Setting:
        """What the Directory says of a request."""
        study = self.studies.get(request.study)
        institution = None if study is None else self.institutions.get(study.institution)
        return Setting(study, institution, self.engines.get(request.engine))

    def decide(self, request: Request, subjects: Sequence[bytes], at: int) -> list[Decision]:
        """One decision a subject, in order; equal to ``policy.decide`` on the same facts."""
        question = self._compiled(request, at)
        newer, rows = self.newer, self.rows
        if not newer:
            return [answer(question, rows.get(subject)) for subject in subjects]
        return [
            answer(question, found if (found := newer.get(subject)) is not None else rows.get(subject))
            for subject in subjects
        ]

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
