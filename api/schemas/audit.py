"""Entries, logs, proofs and exports."""

from typing import Any

from pydantic import Field

from api.schemas.base import Answer, Body, Hash, Id
from ledger.domain.audit import BY_ENGINES


class EntryBody(Body):
    """One entry to append."""

    kind: str = Field(json_schema_extra={"enum": [*sorted(kind.value for kind in BY_ENGINES)]})
    study: Id
    operation: str = ""
    decision: Hash | None = Field(default=None, description="the id of the decision that allowed it")
    facts: dict[str, Any] = Field(default={}, description="strings, integers, booleans, lists and objects; no floats")


class EntriesBody(Body):
    """Entries to append, next to each other."""

    entries: list[EntryBody] = Field(min_length=1, max_length=1000)


class AppendedEntry(Answer):
    """Where an entry stands, and its leaf hash."""

    log: str
    index: int
    leaf: str


class AppendedAnswer(Answer):
    """Appended entries; ``receipt`` promises all of them, ``checkpoint`` is the signed head that holds them."""

    entries: list[AppendedEntry]
    receipt: str
    checkpoint: str


class AnchoredAnswer(Answer):
    """The last head of a log that the chain holds."""

    size: int
    root: str
    block: int
    final: bool = Field(description="whether as many blocks stand on its block as make it final here")


class LogAnswer(Answer):
    """A log and its heads."""

    log: str
    institution: str
    size: int
    checkpoint: str | None
    key: str = Field(description="the verifier key that signs the log's heads now, in C2SP form")
    keys: list[str] = Field(description="all keys that ever did, oldest first; the log's entries name each successor")
    anchored: AnchoredAnswer | None


class LogsAnswer(Answer):
    """All logs."""

    logs: list[LogAnswer]
    next: str | None


class EntryAnswer(Answer):
    """One entry of a page."""

    index: int
    leaf: str
    document: dict[str, Any]


class EntriesAnswer(Answer):
    """A page of entries; ``next`` is the cursor of the next page, null at the end."""

    entries: list[EntryAnswer]
    next: str | None


class ProofAnswer(Answer):
    """RFC 9162 inclusion proof."""

    index: int
    size: int
    path: list[str]
    root: str


class ProvedEntryAnswer(Answer):
    """One entry with its proof to a head."""

    index: int
    leaf: str
    document: dict[str, Any]
    proof: ProofAnswer
    anchored: AnchoredAnswer | None


class InclusionAnswer(ProofAnswer):
    """Inclusion proof of an entry."""

    log: str
    leaf: str


class ConsistencyAnswer(Answer):
    """RFC 9162 consistency proof between two heads."""

    log: str
    first: int
    second: int
    first_root: str
    second_root: str
    path: list[str]
