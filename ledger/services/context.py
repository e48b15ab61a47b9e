"""The ports that the services work with, in one bundle that bootstrap fills."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.domain.decision import Decision
from ledger.domain.events import Block
from ledger.domain.policy import Request, Setting
from ledger.domain.sheet import Sheet
from ledger.ports import (
    ActSigner,
    AuditStore,
    ChainReader,
    ChainWriter,
    Clock,
    Entropy,
    ErasureStore,
    LatestStore,
    MirrorStore,
    OutboxStore,
    SignatureChecker,
    TextStore,
)
from ledger.services.forgotten import Forgotten
from ledger.services.passkeys import Passkeys
from ledger.services.pending import Pending
from ledger.services.registers import Registers
from ledger.services.vault import Vault
from ledger.services.witness import Witnesses
from ledger.transparency.keys import KeySet, SigningKey
from ledger.transparency.note import NoteSigner, VerifierKey


class View(Protocol):
    """All decisions as of one block: a snapshot that never changes under its reader."""

    @property
    def block(self) -> Block:
        """The block whose facts it holds."""
        ...

    def setting(self, request: Request) -> Setting:
        """What the Directory says of a request."""
        ...

    def decide(self, request: Request, subjects: Sequence[bytes], at: int) -> list[Decision]:
        """One decision a subject, in order; equal to ``policy.decide``."""
        ...

    def sheet(self, request: Request, subjects: Sequence[bytes], at: int) -> Sheet | None:
        """As ``decide``, in columns, where it can be had so; worth it for many subjects."""
        ...

    def subjects(self, custodian: bytes | None = None) -> list[bytes]:
        """Enrolled subjects (of a custodian), by id."""
        ...


class Decider(Protocol):
    """Where the current view comes from."""

    def view(self, *, at_least_block: int = 0) -> View:
        """The newest view.

        Raises:
            NotReady: There is none, it is too old, or it has not reached the block asked for.
        """
        ...


class LogKeys(Protocol):
    """The Ed25519 keys that sign receipts and the logs' checkpoints."""

    @property
    def receipts(self) -> SigningKey:
        """The key of receipts; another one after a rotation, so ask for each."""
        ...

    @property
    def published(self) -> KeySet:
        """All keys that ever signed receipts."""
        ...

    def secret(self, purpose: str) -> bytes:
        """A secret of 32 bytes for one purpose; the same after a restart and after a rotation of the receipts' key."""
        ...

    def note_signer(self, log: bytes) -> NoteSigner:
        """The key of one log's checkpoints; another one after a rotation, so ask for each."""
        ...

    def note_keys(self, log: bytes) -> list[VerifierKey]:
        """All keys that ever signed the log's checkpoints, oldest first."""
        ...

    def next_note_signer(self, log: bytes) -> NoteSigner:
        """The key that is to follow, on disk, but not yet in use; the same until it is adopted."""
        ...

    def adopt_note_signer(self, log: bytes) -> None:
        """Let the next key sign from now on, here and in every process that uses these keys."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds: items in one request, seconds a deadline may lie ahead, blocks on top of one that make it final.

    ``anchor_accesses``: accesses in one anchoring; 0: heads are anchored alone.
    """

    most_batch: int = 10_000
    longest_deadline: int = 90 * 86_400
    confirmations: int = 0
    anchor_accesses: int = 1_000


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a use case may need."""

    clock: Clock
    entropy: Entropy
    reader: ChainReader
    writer: ChainWriter
    checker: SignatureChecker
    keys: ActSigner
    outbox: OutboxStore
    mirror: MirrorStore
    audit: AuditStore
    decider: Decider
    latest: LatestStore
    pending: Pending
    vault: Vault
    erasures: ErasureStore
    forgotten: Forgotten
    registers: Registers
    passkeys: Passkeys
    texts: TextStore
    log_keys: LogKeys
    witnesses: Witnesses
    limits: Limits
