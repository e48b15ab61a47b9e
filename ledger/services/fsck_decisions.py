"""What is kept beside the entries of a log, held against them: decisions, and rows that were erased.

Invariant: the entry of a decision binds what is kept of it by hashes and a commitment; a row that is gone is named by
the entry of an erasure, or it is a finding.
"""

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from ledger.domain.audit import Member, openings_in
from ledger.domain.computation import facts_of
from ledger.domain.decision import Outcome
from ledger.domain.health import Fault, Health
from ledger.domain.identifiers import to_hex
from ledger.errors import InvalidInput
from ledger.ports import AuditStore
from ledger.transparency.canonical import same
from ledger.transparency.cohort import Cohort


class KeptDecisions:
    """The decisions of one log, as its entries are read.

    Args:
        audit: The logs.
        health: Where faults are noted.
    """

    def __init__(self, audit: AuditStore, health: Health) -> None:
        self._audit = audit
        self._health = health
        self._erased: Counter[int] = Counter()  # rows that are gone, less those told of, by index of the decision

    def hold(self, index: int, entry: Mapping[str, Any]) -> None:
        """Hold what is kept of a decision against its entry."""
        name, facts = entry.get("decision"), facts_of(entry)
        record = self._audit.decision(name) if isinstance(name, str) else None
        if record is None or (record.log, record.index) != (self._health.log, index):
            self._note(index, f"decision {name} is not kept with it")
            return
        kept = {
            "request": to_hex(sha256(record.request).digest()),
            "receipt": to_hex(sha256(record.receipt.encode()).digest()),
            "at": record.at,
            "considered": record.considered,
            "permitted": record.permitted,
        }
        for fact, value in kept.items():
            if not same(facts.get(fact), value):
                self._note(index, f"the kept {fact} is not the one that was logged")
        erased = self._audit.erased(record.id)
        self._erased[index] += len(erased)
        if not _opens(self._audit.members(record.id), erased, facts.get("cohort")):
            self._note(index, "the kept rows do not make its commitment")

    def count_erased(self, entry: Mapping[str, Any]) -> None:
        """Take in what the entry of an erasure tells of."""
        self._erased.subtract(openings_in(entry))

    def finish(self) -> None:
        """Name the rows that are gone without a word, when all entries were read."""
        for index, count in sorted((+self._erased).items()):
            self._health.note(Fault.ERASURE, index, f"entry {index}: {count} rows are gone, and no erasure names it")

    def look_for_more(self, size: int) -> None:
        """Name the decisions that are kept with entries below a size, and that those do not name."""
        for index, decision in self._audit.unlogged(self._health.log, size):
            self._note(index, f"decision {decision} is kept with it, and it does not name it")

    def _note(self, index: int, what: str) -> None:
        self._health.note(Fault.DECISION, index, f"entry {index}: {what}")


def _opens(members: list[Member], erased: Mapping[int, bytes], commitment: Any) -> bool:
    permitted = [member.outcome == Outcome.PERMIT for member in members]
    try:
        cohort = Cohort([member.subject for member in members], permitted, b"".join(m.salt for m in members), erased)
    except InvalidInput:
        return False
    return same(commitment, {"size": cohort.commitment.size, "root": to_hex(cohort.commitment.root)})
