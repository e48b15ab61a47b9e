"""What the contracts say happened: one class an event, in the words of the domain.

Field for field the events of ``contracts/src/interfaces``. Together they carry everything that the mirror needs.
"""

from dataclasses import dataclass

from ledger.domain.consent import Scope
from ledger.domain.values import quick


@dataclass(frozen=True, slots=True)
class InstitutionAdmitted:
    id: bytes
    number: int
    name: str
    signer: bytes


@dataclass(frozen=True, slots=True)
class InstitutionStateChanged:
    id: bytes
    state: int


@dataclass(frozen=True, slots=True)
class ReviewerNamed:
    id: bytes
    name: str
    signer: bytes
    active: bool


@dataclass(frozen=True, slots=True)
class TermsPublished:
    hash: bytes
    version: int
    language: str
    uri: str


@dataclass(frozen=True, slots=True)
class StudyProposed:
    id: bytes
    institution: bytes
    digest: bytes
    number: int
    title: str
    uses: int
    conditions: int
    required_terms: int
    ethics: bytes
    ethics_until: int
    diseases: tuple[tuple[int, ...], ...]
    purpose: bytes = b""


@dataclass(frozen=True, slots=True)
class StudyApproved:
    id: bytes
    reviewer: bytes
    digest: bytes
    approvals: int


@dataclass(frozen=True, slots=True)
class StudyStateChanged:
    id: bytes
    digest: bytes
    state: int


@dataclass(frozen=True, slots=True)
class EngineRegistered:
    id: bytes
    institution: bytes
    digest: bytes
    name: str
    signer: bytes
    operations: int


@dataclass(frozen=True, slots=True)
class EngineRevoked:
    id: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class DatasetRegistered:
    id: bytes
    custodian: bytes
    digest: bytes
    terms: bytes


@dataclass(frozen=True, slots=True)
class DatasetAmended:
    id: bytes
    digest: bytes
    version: int
    terms: bytes


@dataclass(frozen=True, slots=True)
class DatasetClosed:
    id: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class SubjectEnrolled:
    subject: bytes
    custodian: bytes
    digest: bytes
    signer: bytes
    capacity: int
    since: int
    until: int
    form: bytes


@dataclass(frozen=True, slots=True)
class SignerAdded:
    subject: bytes
    digest: bytes
    signer: bytes
    capacity: int
    since: int
    until: int
    form: bytes
    by: bytes


@dataclass(frozen=True, slots=True)
class SignerRemoved:
    subject: bytes
    digest: bytes
    signer: bytes
    by: bytes


@dataclass(frozen=True, slots=True)
class RecoveryProposed:
    subject: bytes
    id: bytes
    custodian: bytes
    digest: bytes
    new_signer: bytes
    capacity: int
    since: int
    until: int
    form: bytes
    opens_at: int


@dataclass(frozen=True, slots=True)
class RecoveryObjected:
    subject: bytes
    id: bytes
    digest: bytes
    signer: bytes


@dataclass(frozen=True, slots=True)
class RecoveryCompleted:
    subject: bytes
    id: bytes
    digest: bytes


@quick
@dataclass(frozen=True, slots=True)
class ConsentRecorded:
    subject: bytes
    id: bytes
    digest: bytes
    version: int
    scope: Scope
    valid_until: int
    capacity: int
    form: bytes
    signer: bytes


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn:
    subject: bytes
    id: bytes
    digest: bytes
    version: int
    capacity: int
    signer: bytes


@dataclass(frozen=True, slots=True)
class AllWithdrawn:
    subject: bytes
    id: bytes
    digest: bytes
    capacity: int
    signer: bytes


@dataclass(frozen=True, slots=True)
class ActRefused:
    digest: bytes
    index: int
    reason: str
    """The error's name, such as ``ConsentRegistry__IdSpent``."""


@dataclass(frozen=True, slots=True)
class GrantsPaused:
    paused: bool


@dataclass(frozen=True, slots=True)
class HeadAnchored:
    log: bytes
    size: int
    root: bytes
    previous_size: int
    previous_root: bytes


@dataclass(frozen=True, slots=True)
class AccessesRecorded:
    study: bytes
    engine: bytes
    log: bytes
    entries: bytes
    """As in ``domain.accesses``."""


Event = (
    InstitutionAdmitted
    | InstitutionStateChanged
    | ReviewerNamed
    | TermsPublished
    | StudyProposed
    | StudyApproved
    | StudyStateChanged
    | EngineRegistered
    | EngineRevoked
    | DatasetRegistered
    | DatasetAmended
    | DatasetClosed
    | SubjectEnrolled
    | SignerAdded
    | SignerRemoved
    | RecoveryProposed
    | RecoveryObjected
    | RecoveryCompleted
    | ConsentRecorded
    | ConsentWithdrawn
    | AllWithdrawn
    | ActRefused
    | GrantsPaused
    | HeadAnchored
    | AccessesRecorded
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block as far as the ledger cares. ``timestamp`` in seconds UTC."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int


@quick
@dataclass(frozen=True, slots=True)
class Logged:
    """An event at its place in the chain, with the raw log that it was read from."""

    event: Event
    block_number: int
    block_hash: bytes
    log_index: int
    transaction: bytes
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
