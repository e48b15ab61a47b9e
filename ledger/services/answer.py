"""An answer: decisions on subjects, and what they say together.

Invariant: whatever is told of all decisions is worked out from them, so that it cannot contradict one of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress, repeat

from ledger.domain.data_use import Obligation
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.events import Block
from ledger.domain.policy import Request
from ledger.domain.sheet import Sheet
from ledger.domain.vocabulary import FOREVER


@dataclass(frozen=True, slots=True)
class Answer:
    """Decisions on subjects, in order, at an instant (seconds UTC) as of a block."""

    request: Request
    subjects: Sequence[bytes]
    decisions: Sequence[Decision]
    at: int
    block: Block

    @property
    def flags(self) -> list[bool]:
        """For each subject whether its data may be used."""
        held = self.decisions
        return held.flags if isinstance(held, Sheet) else [decision.permitted for decision in held]

    @property
    def permitted(self) -> list[bytes]:
        """The subjects whose data may be used."""
        return list(compress(self.subjects, self.flags))

    @property
    def excluded(self) -> dict[Reason, int]:
        """How many were excluded, by reason."""
        found: dict[Reason, int] = {}
        for decision, count in self.counts:
            if not decision.permitted:
                found[decision.reason] = found.get(decision.reason, 0) + count
        return found

    @property
    def outcome(self) -> Outcome:
        """The answer in one word: permit if anybody's data may be used, abstain if that is all there is to say."""
        outcomes = {decision.outcome for decision, _ in self.counts}
        if Outcome.PERMIT in outcomes:
            return Outcome.PERMIT
        return Outcome.ABSTAIN if outcomes == {Outcome.ABSTAIN} else Outcome.DENY

    @property
    def reasons(self) -> list[str]:
        """The codes of all reasons that were given."""
        return sorted(reason.code for reason in {decision.reason for decision, _ in self.counts})

    @property
    def codes(self) -> list[str]:
        """The terms of the Data Use Ontology that refused any of them."""
        return sorted({code for decision, _ in self.counts for code in decision.codes})

    @property
    def obligations(self) -> list[Obligation]:
        """What the permits oblige to, each once."""
        found: list[Obligation] = []
        # all permits of a custodian share one tuple
        for shared in {id(one.obligations): one.obligations for one, _ in self.counts if one.obligations}.values():
            found += [duty for duty in shared if duty not in found]
        return sorted(found, key=lambda duty: (duty.id, sorted(duty.properties.items())))

    @property
    def valid_until(self) -> int:
        """The first instant at which time alone could change any of the decisions."""
        held = self.decisions
        if isinstance(held, Sheet):
            return min(held.untils, default=FOREVER)
        return min((decision.valid_until for decision in held), default=FOREVER)

    @property
    def counts(self) -> Iterable[tuple[Decision, int]]:
        """Decisions, and how many subjects share outcome, reason, codes and obligations with each: all are counted."""
        held = self.decisions
        return held.counts if isinstance(held, Sheet) else zip(held, repeat(1))
