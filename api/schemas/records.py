"""Overrides and verifications."""

from typing import Any

from pydantic import Field

from api.schemas.base import Answer, Body, Hash
from ledger.domain.entry_facts import Emergency, Outcome


class OverrideBody(Body):
    """Data is used against a decision, in an emergency."""

    decision: Hash = Field(description="the id of the recorded decision that refused")
    reason: Emergency = Field(description="purpose of use (HL7 v3): emergency treatment, or break the glass")
    justification: Hash = Field(description="SHA-256 of a salt and what was written down, which stays with the writer")


class FindingBody(Body):
    """A fault, and the first entry that it concerns."""

    fault: str = Field(min_length=1, max_length=200)
    index: int | None = Field(default=None, ge=0)


class VerificationBody(Body):
    """What somebody found who checked the log."""

    check: str = Field(json_schema_extra={"enum": ["bundle", "fsck", "mirror"]})
    outcome: Outcome
    size: int = Field(ge=0, lt=2**53, description="entries of the head that was checked")
    root: Hash
    block: Hash | None = Field(default=None, description="the block that was trusted")
    failing: list[str] = Field(default=[], max_length=100, description="names of the claims that fail")
    findings: list[FindingBody] = Field(default=[], max_length=100)


class RecordedAnswer(Answer):
    """Where the entry stands, and the signed head that holds it."""

    log: str
    index: int
    leaf: str
    checkpoint: str


class EntrySchemaAnswer(Answer):
    """The JSON Schema of one kind of entry."""

    kind: str
    schema_: dict[str, Any] = Field(alias="schema", description="JSON Schema, draft 2020-12")
