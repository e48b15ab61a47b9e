"""What a check of a stored log finds: its faults, each with the first entry that it concerns."""

from dataclasses import dataclass, field
from enum import StrEnum

MOST_FINDINGS = 100
"""Findings kept of one log; a rewritten log has as many as it has rows."""


class Fault(StrEnum):
    """What can be wrong with a stored log."""

    CHANGED = "changed row"
    MISSING = "missing row"
    MOVED = "moved row"
    COLUMN = "column differs from the entry"
    CUT = "cut tail"
    REWRITTEN = "rewritten tree"
    NODE = "changed tree node"
    CHECKPOINT = "bad checkpoint"
    ACCESS = "access differs from the chain"
    DECISION = "decision record differs from its entry"
    ERASURE = "row erased without an entry that says so"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. ``index`` is the first entry concerned, where one can be named."""

    fault: Fault
    index: int | None
    detail: str


@dataclass(slots=True)
class Health:
    """What was found of one log."""

    log: bytes
    entries: int = 0
    anchored: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def full(self) -> bool:
        """Whether no finding is kept any more."""
        return len(self.findings) >= MOST_FINDINGS

    def note(self, fault: Fault, index: int | None, detail: str) -> None:
        """Keep a finding, once, up to ``MOST_FINDINGS``."""
        found = Finding(fault, index, detail)
        if not self.full and found not in self.findings:
            self.findings.append(found)
