"""What the ledger answers: the JSON as it arrives (``...Wire``), and what a caller gets once it is checked."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from ledger.domain.data_use import Obligation
from ledger.domain.decision import Reason
from ledger.transparency.checkpoint import Checkpoint

_Id = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{64}\Z")]
_Count = Annotated[int, msgspec.Meta(ge=0)]

# Reasons that no consent could change: the request itself is refused.
OF_THE_REQUEST = frozenset(
    {
        Reason.UNKNOWN_CODE.code,
        Reason.STUDY_UNKNOWN.code,
        Reason.STUDY_NOT_ACTIVE.code,
        Reason.INSTITUTION_NOT_ACTIVE.code,
        Reason.ETHICS_EXPIRED.code,
        Reason.ENGINE_UNKNOWN.code,
        Reason.ENGINE_NOT_ACTIVE.code,
        Reason.ENGINE_OF_ANOTHER_INSTITUTION.code,
        Reason.OPERATION_NOT_REGISTERED.code,
    }
)


class Block(msgspec.Struct, frozen=True):
    """The block whose consents decided: its number and hash (0x-hex)."""

    number: _Count
    hash: _Id


class Place(msgspec.Struct, frozen=True):
    """Where an entry stands: log id (0x-hex) and index."""

    log: _Id
    index: _Count


class Excluded(msgspec.Struct, frozen=True):
    """Subjects left out for one reason; ``count`` is None where it is too small to be told."""

    reason: str
    count: _Count | None = None
    suppressed: bool = False


class Leaf(msgspec.Struct, frozen=True):
    """An appended entry: log id, index and leaf hash (0x-hex)."""

    log: _Id
    index: _Count
    leaf: _Id


class PermittedWire(msgspec.Struct, frozen=True):
    """Who permits."""

    count: _Count
    subjects: list[_Id]


class CommitmentWire(msgspec.Struct, frozen=True):
    """What binds the considered rows."""

    size: _Count
    root: _Id


class ObligationWire(msgspec.Struct, frozen=True):
    """What a permit obliges to, by the term of the Data Use Ontology that asks for it."""

    id: str
    properties: dict[str, str]


class CohortWire(msgspec.Struct, frozen=True):
    """The answer to ``POST /v1/cohorts``."""

    id: str
    at: _Count
    block: Block
    considered: _Count
    permitted: PermittedWire
    excluded: list[Excluded]
    commitment: CommitmentWire
    valid_until: _Count
    entry: Place
    receipt: str
    codes: list[str]
    obligations: list[ObligationWire]


class AppendedWire(msgspec.Struct, frozen=True):
    """The answer to ``POST /v1/entries``."""

    entries: list[Leaf]
    receipt: str
    checkpoint: str


class DecidedWire(msgspec.Struct, frozen=True):
    """One subject's answer."""

    subject: _Id
    outcome: str
    reason: str
    consent: _Id | None = None
    version: _Count = 0
    valid_until: _Count = 0


class DecisionsWire(msgspec.Struct, frozen=True):
    """The answer to ``POST /v1/decisions``, as far as a look needs it."""

    decisions: list[DecidedWire]


@dataclass(frozen=True, slots=True)
class CohortAnswer:
    """A cohort decision whose receipt holds.

    Attributes:
        decision: Its id, as entries name it.
        at: Instant decided for, seconds UTC.
        block: The block whose consents decided.
        considered: Number of subjects looked at.
        permitted: Ids (0x-hex) of those who permit, and nobody else.
        excluded: Who is left out, in aggregate.
        root: Root of the cohort commitment, 0x-hex; it covers every considered subject.
        valid_until: First instant (seconds UTC) at which time alone could change the answer.
        entry: Where the decision stands in the log.
        receipt: The signed receipt (compact JWS), to keep.
        codes: Terms of the Data Use Ontology that refused some or all of them.
        obligations: What the permit obliges whoever uses the data to.
    """

    decision: str
    at: int
    block: Block
    considered: int
    permitted: frozenset[str]
    excluded: tuple[Excluded, ...]
    root: str
    valid_until: int
    entry: Place
    receipt: str
    codes: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()

    @property
    def refusals(self) -> tuple[str, ...]:
        """Reasons that refuse the request as a whole, whoever consents: an inactive study, an unknown engine."""
        return tuple(group.reason for group in self.excluded if group.reason in OF_THE_REQUEST)

    @property
    def seconds(self) -> int:
        """For how long the answer holds, counted from ``at``."""
        return max(0, self.valid_until - self.at)


@dataclass(frozen=True, slots=True)
class Appended:
    """Entries that are in a log, with the receipt that promises it and the head that covers them."""

    entries: tuple[Leaf, ...]
    receipt: str
    checkpoint: Checkpoint
    note: str


@dataclass(frozen=True, slots=True)
class Look:
    """The answer on one subject, without receipt: to show, not to act on."""

    subject: str
    permitted: bool
    reason: str
    consent: str | None
    version: int
    valid_until: int
