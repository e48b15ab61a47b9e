"""What the checker says: one line a claim, and one verdict.

Invariants: a claim that could not be checked is never counted as holding; one that fails decides the verdict.
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What became of one claim."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    UNCHECKED = "could not check"


@dataclass(frozen=True, slots=True)
class Check:
    """One claim.

    Attributes:
        name: Short name, the same in every report.
        status: What became of it.
        detail: What was found, in words; for a failure, the file or entry.
        proves: What it shows when it passes.
        does_not_prove: What it leaves open even then.
    """

    name: str
    status: Status
    detail: str
    proves: str
    does_not_prove: str


@dataclass(frozen=True, slots=True)
class Report:
    """All claims, in the order in which they rest on each other."""

    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Status:
        """FAIL if any claim fails, else UNCHECKED if any could not be checked, else PASS."""
        found = {check.status for check in self.checks}
        for status in (Status.FAIL, Status.UNCHECKED):
            if status in found:
                return status
        return Status.PASS if found else Status.UNCHECKED

    @property
    def exit_code(self) -> int:
        """0 holds, 1 fails, 3 could not check."""
        return {Status.PASS: 0, Status.FAIL: 1, Status.UNCHECKED: 3}[self.verdict]

    def check(self, name: str) -> Check:
        """The claim of this name; KeyError when there is none."""
        return {check.name: check for check in self.checks}[name]
