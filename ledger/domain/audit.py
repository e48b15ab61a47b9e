"""Entries of the audit log: what is written, and what is stored beside it.

An entry is a JSON object without floats. Its canonical bytes (RFC 8785) make the leaf (RFC 9162), and its index is in
it. Nothing personal is in an entry: persons appear as commitments, and what opens them is kept beside the entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

SCHEMA = "consentry.entry/1"


class Kind(StrEnum):
    """Kinds of entries."""

    DECISION = "decision"
    STARTED = "computation.started"
    COMPLETED = "computation.completed"
    FAILED = "computation.failed"
    WITHHELD = "computation.withheld"
    ACCESSED = "data.accessed"
    DISCLOSED = "data.disclosed"
    DERIVED = "model.derived"
    RESERVED = "budget.reserved"
    ERASURE = "erasure"
    OVERRIDE = "override"
    VERIFICATION = "verification"
    ADMINISTRATION = "administration"


# Kinds that engines may append; the rest the service writes itself.
BY_ENGINES = frozenset(
    {
        Kind.STARTED,
        Kind.COMPLETED,
        Kind.FAILED,
        Kind.WITHHELD,
        Kind.ACCESSED,
        Kind.DISCLOSED,
        Kind.DERIVED,
        Kind.RESERVED,
    }
)
# Kinds that become access events on the chain when their entry is anchored.
ACCESSES = frozenset({Kind.ACCESSED, Kind.DISCLOSED, Kind.COMPLETED})


def openings_in(document: Mapping[str, Any]) -> list[int]:
    """The indices of the decisions beside which an erasure destroyed a row, as its entry names them."""
    facts = document.get("facts")
    named = facts.get("openings") if isinstance(facts, Mapping) else None
    return [index for index in named if type(index) is int] if isinstance(named, list) else []


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What a writer hands over; index, time and log are given to it.

    Args:
        kind: What happened.
        actor: Who did it: ``engine:0x..``, ``institution:0x..``, ``service`` and so on.
        study: The study's id, 0x-hex, or "".
        engine: The engine's id, 0x-hex, or "".
        operation: Its API name, or "".
        decision: The id of the decision that allowed it, or "".
        block: Number and hash (0x-hex) of the block whose consents decided; None where none did.
        facts: Details of the kind; strings, integers, booleans, lists and objects only.
    """

    kind: Kind
    actor: str
    study: str = ""
    engine: str = ""
    operation: str = ""
    decision: str = ""
    block: tuple[int, str] | None = None
    facts: Mapping[str, Any] | None = None

    def document(self, *, log: bytes, index: int, time: int) -> dict[str, Any]:
        """The JSON object that is hashed; ``time`` in seconds UTC."""
        return {
            "schema": SCHEMA,
            "log": "0x" + log.hex(),
            "index": index,
            "time": time,
            "kind": self.kind.value,
            "actor": self.actor,
            "study": self.study,
            "engine": self.engine,
            "operation": self.operation,
            "decision": self.decision,
            "block": None if self.block is None else {"number": self.block[0], "hash": self.block[1]},
            "facts": dict(self.facts or {}),
        }


class StoredEntry(NamedTuple):
    """An entry as the log keeps it.

    Attributes:
        log: The log's id, 32 bytes.
        index: Where it stands.
        canonical: The bytes that were hashed.
        leaf: Their leaf hash, 32 bytes.
        key: On the first entry of an append, the idempotency key that it came under; else empty.
        count: Beside a key, how many entries came under it, this one first.
        decision: The decision that the bytes name, 32 bytes, for look-ups; None where they name none.
    """

    log: bytes
    index: int  # type: ignore[assignment] # a field, where tuple has a method
    canonical: bytes
    leaf: bytes
    key: str = ""
    count: int = 1  # type: ignore[assignment] # likewise
    decision: bytes | None = None


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """A signed tree head that the service gave out: C2SP note text."""

    log: bytes
    size: int
    root: bytes
    note: str
    made_at: int


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision that was given out, on one subject or on a cohort, as its receipt says.

    ``id`` is 0x-hex of 32 random bytes. ``receipt`` is the JWS. ``request`` is its canonical JSON. ``block`` is where
    the consents were read. ``log`` and ``index`` say where its entry stands.
    """

    id: str
    log: bytes
    index: int
    study: bytes
    engine: bytes
    request: bytes
    receipt: str
    block_number: int
    block_hash: bytes
    at: int
    permitted: int
    considered: int


@dataclass(frozen=True, slots=True)
class Member:
    """One considered row of a decision: what opens its leaf in the cohort commitment. Personal; erasable alone."""

    subject: bytes
    salt: bytes
    outcome: int
    reason: int
    consent: bytes | None
    version: int
