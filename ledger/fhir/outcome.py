"""What is to be said of a FHIR resource: refusals, warnings and remarks, each pointing at its element.

Invariants: a resource with one error is refused as a whole; every issue names an element by a FHIRPath expression with
zero-based indexes, and says what to do next.

Source: https://hl7.org/fhir/R4/operationoutcome.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much an issue matters (http://hl7.org/fhir/issue-severity)."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


class Kind(StrEnum):
    """What sort of issue it is (http://hl7.org/fhir/issue-type)."""

    STRUCTURE = "structure"
    REQUIRED = "required"
    VALUE = "value"
    NOT_SUPPORTED = "not-supported"
    BUSINESS_RULE = "business-rule"
    INFORMATIONAL = "informational"


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to be said, of the element that ``expression`` points at."""

    severity: Severity
    kind: Kind
    expression: str
    words: str

    def __str__(self) -> str:
        return f"{self.expression}: {self.words}"


@dataclass(slots=True)
class Issues:
    """Collects issues, so that a reader can say everything at once."""

    found: list[Issue] = field(default_factory=list)

    def refuse(self, expression: str, words: str, kind: Kind = Kind.NOT_SUPPORTED) -> None:
        """The resource is refused for this."""
        self.found.append(Issue(Severity.ERROR, kind, expression, words))

    def warn(self, expression: str, words: str) -> None:
        """The resource is taken, but somebody should look at this."""
        self.found.append(Issue(Severity.WARNING, Kind.BUSINESS_RULE, expression, words))

    def tell(self, expression: str, words: str) -> None:
        """The resource is taken, and this does not matter for any decision."""
        self.found.append(Issue(Severity.INFORMATION, Kind.INFORMATIONAL, expression, words))

    @property
    def errors(self) -> int:
        """How many things the resource is refused for."""
        return sum(issue.severity is Severity.ERROR for issue in self.found)

    @property
    def refused(self) -> bool:
        """Whether the resource is refused."""
        return self.errors > 0


def outcome_of(issues: Iterable[Issue]) -> dict[str, Any]:
    """The OperationOutcome of issues; of none, one that says that all is well."""
    found: Sequence[Issue] = list(issues) or [
        Issue(Severity.INFORMATION, Kind.INFORMATIONAL, "", "every element was read")
    ]
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": issue.severity.value,
                "code": issue.kind.value,
                "details": {"text": issue.words},
                **({"expression": [issue.expression]} if issue.expression else {}),
            }
            for issue in found
        ],
    }
