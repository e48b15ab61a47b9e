"""Which entries of the logs somebody wants: by study, actor, kind, outcome, time, subject, and words in them.

Invariant: every condition that is given must hold; a selection without conditions takes every entry.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from ledger.domain.vocabulary import FOREVER
from ledger.errors import InvalidInput

ACTOR: Final = r"^(service|[a-z]{1,16}:0x[0-9a-f]{64})$"
"""The form of who did something."""
OUTCOME: Final = r"^[a-z-]{1,32}$"
"""The form of what came of it; engines have words of their own beside ours."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions on entries.

    Args:
        study: The study's id, 0x-hex.
        actor: Who did it, such as ``engine:0x..``.
        engine: The engine's id, 0x-hex.
        kind: The kind, such as ``computation.completed``.
        outcome: ``permit``, ``deny`` or ``abstain`` of a decision; ``started``, ``completed``, ``failed`` or
            ``withheld`` of a computation.
        since: First second (UTC) of the entry's time.
        until: The second after the last one.
        decisions: Ids of decisions, 0x-hex: those that considered one subject. None: all.
        words: Text that stands in one of the entry's values; case does not matter.

    Raises:
        InvalidInput: The times leave none between them.
    """

    study: str = ""
    actor: str = ""
    engine: str = ""
    kind: str = ""
    outcome: str = ""
    since: int = 0
    until: int = FOREVER
    decisions: frozenset[str] | None = None
    words: str = ""

    def __post_init__(self) -> None:
        if self.until <= self.since:
            raise InvalidInput("until must be later than since: it is the second after the last")

    @property
    def everything(self) -> bool:
        """Whether there is no condition."""
        return all(getattr(self, field.name) == field.default for field in fields(self))

    def takes(self, document: Mapping[str, Any]) -> bool:
        """Whether an entry, by its document, is selected."""
        for name in ("study", "actor", "engine", "kind"):
            wanted = getattr(self, name)
            if wanted and document[name] != wanted:
                return False
        return (
            self.since <= document["time"] < self.until
            and (self.decisions is None or document["decision"] in self.decisions)
            and (not self.outcome or outcome_of(document) == self.outcome)
            and (not self.words or self._speaks(document))
        )

    def _speaks(self, document: Mapping[str, Any]) -> bool:
        sought = self.words.casefold()
        return any(sought in text.casefold() for text in _values(document))


def outcome_of(document: Mapping[str, Any]) -> str:
    """What an entry says came of it: of a decision its outcome, of a computation its state; "" for others."""
    kind = str(document["kind"])
    if kind.startswith("computation."):
        return kind.partition(".")[2]
    facts = document.get("facts")
    outcome = facts.get("outcome") if isinstance(facts, Mapping) else None
    return outcome if isinstance(outcome, str) else ""


def _values(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for item in value.values():
                yield from _values(item)
        case list():
            for item in value:
                yield from _values(item)
        case int():
            yield str(value)
