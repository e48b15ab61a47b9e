"""Searching the logs: the conditions, and a page of what they select."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from api.schemas.base import Answer, Body, Id, Seconds
from ledger.domain.audit import Kind
from ledger.domain.identifiers import to_hex
from ledger.domain.selection import ACTOR, OUTCOME, Selection
from ledger.domain.vocabulary import FOREVER


class Conditions(Body):
    """Conditions on entries; all that are given must hold."""

    study: Id | None = None
    engine: Id | None = None
    actor: Annotated[str | None, Field(pattern=ACTOR, description="who did it: `engine:0x..`")] = None
    kind: Annotated[str | None, Field(json_schema_extra={"enum": sorted(one.value for one in Kind)})] = None
    outcome: Annotated[
        str | None,
        Field(pattern=OUTCOME, description="permit, deny or abstain; started, completed, failed or withheld"),
    ] = None
    since: Annotated[Seconds | None, Field(description="first second, UTC")] = None
    until: Annotated[Seconds | None, Field(description="the second after the last")] = None
    subject: Annotated[Id | None, Field(description="entries of the decisions that considered this subject")] = None

    def selection(self, decisions: frozenset[str] | None, words: str = "") -> Selection:
        """The selection; ``decisions`` are those on the subject."""
        return Selection(
            study=to_hex(self.study) if self.study else "",
            engine=to_hex(self.engine) if self.engine else "",
            actor=self.actor or "",
            kind=self.kind or "",
            outcome=self.outcome or "",
            since=self.since or 0,
            until=FOREVER if self.until is None else self.until,
            decisions=decisions,
            words=words,
        )


class FoundEntry(Answer):
    """An entry, and the log in which it stands."""

    log: str
    index: int
    leaf: str
    document: dict[str, Any]


class FoundAnswer(Answer):
    """A page of entries; ``next`` is the cursor of the next page, null at the end. A page may be short or empty."""

    entries: list[FoundEntry]
    next: str | None


Words = Annotated[str, Query(max_length=200, description="text in one of the entry's values; case does not matter")]
