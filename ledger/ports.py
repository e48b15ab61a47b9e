"""What the services need of the world, as protocols; the adapters and the tests' fakes implement them.

Every store method is one transaction: when it returns, its effect is durable; when it raises, it had none.
Times are whole seconds UTC. Ids and hashes are 32 bytes.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ledger.domain.acts import Act
from ledger.domain.audit import Checkpointed, DecisionRecord, Member, StoredEntry
from ledger.domain.consent import Consent
from ledger.domain.decision import Decision
from ledger.domain.events import Block, Logged
from ledger.domain.outbox import Item, ItemState, Outcome, Transmission
from ledger.domain.policy import Request, Setting
from ledger.domain.projection import Access, Authority, Fact, Facts, Head, Key
from ledger.transparency.edge import Place
from ledger.transparency.tree import NodeReader


class Clock(Protocol):
    """The time of day."""

    def now(self) -> int:
        """Seconds UTC."""
        ...


class Entropy(Protocol):
    """Fresh randomness, fit for keys and salts."""

    def token(self, size: int) -> bytes:
        """``size`` random bytes."""
        ...


# --- chain ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReceiptProof:
    """A transaction receipt with its Merkle-Patricia proof against the ``receiptsRoot`` of its block's header.

    ``key`` is the RLP of the receipt's index; ``receipt`` its consensus encoding (EIP-2718); ``nodes`` the trie nodes
    from the root down, RLP.
    """

    block_number: int
    transaction: bytes
    key: bytes
    receipt: bytes
    nodes: tuple[bytes, ...]


class ChainReader(Protocol):
    """Reads a chain. Raises LedgerUnreachable when the node does not answer, NotFound for what it does not have."""

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        ...

    @property
    def contracts(self) -> dict[str, bytes]:
        """Address (20 bytes) of Directory, ConsentRegistry, AuditAnchor."""
        ...

    @property
    def first_block(self) -> int:
        """The block in which the first of the contracts was deployed."""
        ...

    def head(self) -> Block:
        """The newest block."""
        ...

    def block(self, number: int) -> Block:
        """The block at a height of the canonical chain."""
        ...

    def block_by_hash(self, hash: bytes) -> Block:
        """The block with this hash, canonical or not."""
        ...

    def blocks(self, first: int, last: int) -> list[Block]:
        """Headers of an inclusive range, in one batch."""
        ...

    def events_between(self, first: int, last: int) -> list[Logged]:
        """Events of our contracts in an inclusive range of final blocks, in chain order."""
        ...

    def events_of(self, block_hash: bytes) -> list[Logged]:
        """Events of our contracts in one block, asked for by hash, in order; NotFound when the node lost it."""
        ...

    def header(self, number: int) -> bytes:
        """The RLP of a block's header; its keccak-256 is the block hash."""
        ...

    def receipt_proof(self, transaction: bytes) -> ReceiptProof:
        """The receipt of a mined transaction, with its proof."""
        ...

    def receipt_nodes(self, number: int) -> tuple[bytes, ...]:
        """All nodes (RLP) of a block's receipts trie: they prove every receipt in it, and that there is no other."""
        ...

    def decide(self, subject: bytes, request: Request, at: int, block: int | None = None) -> Decision:
        """The ConsentRegistry's own view of a decision, at a block (default: the newest)."""
        ...


class ChainWriter(Protocol):
    """Signs and sends transactions from the accounts that the service holds."""

    def digest(self, act: Act) -> bytes:
        """The act's identity: its EIP-712 digest, or for consortium acts the SHA-256 of the stored form."""
        ...

    def next_nonce(self, sender: bytes) -> int:
        """The next nonce of a sender, mined and known pending transactions counted."""
        ...

    def sender_of(self, act: Act) -> bytes:
        """The account (20 bytes) that must carry the act: the consortium's for its own acts, else the relayer's."""
        ...

    def prepare(self, items: Sequence[Item], nonce: int) -> Transmission:
        """Sign one transaction that carries the items; all have the same contract function and sender."""
        ...

    def send(self, transmission: Transmission) -> None:
        """Hand a transaction to the node; harmless when the node already has it."""
        ...

    def outcome(self, transaction: bytes) -> Outcome | None:
        """What became of it; None while no block holds it."""
        ...


class SignatureChecker(Protocol):
    """Checks act signatures off the chain, before anything is written."""

    def check(self, act: Act, signer: bytes) -> None:
        """Raise BadSignature unless ``signer`` (ERC-7913) signed the act."""
        ...


class ActSigner(Protocol):
    """Signs acts with keys that the service keeps for institutions and reviewers."""

    def sign(self, act: Act, signer: bytes) -> Act:
        """The act with its signature; NotFound when the key is not kept here."""
        ...

    def create(self) -> bytes:
        """Make and keep a new key; returns its signer bytes (an address)."""
        ...


# --- store ------------------------------------------------------------------------------------------------------------


class OutboxStore(Protocol):
    """The durable queue of accepted acts."""

    def accept(self, acts: Sequence[tuple[bytes, Act]], *, at: int) -> list[Item]:
        """Take acts (digest, act) in, all or none, in order; a digest that is there already returns its item."""
        ...

    def item(self, digest: bytes) -> Item | None:
        """The item with this digest."""
        ...

    def waiting(self, limit: int) -> list[Item]:
        """Accepted items that no transmission carries yet, in order of acceptance."""
        ...

    def unsealed(self, *, above: int, after: int = 0, subjects: Collection[bytes] | None = None) -> list[Item]:
        """Items that a copy of the chain at block ``above`` cannot show yet, with a sequence over ``after``, in order.

        These are the accepted and sent ones, and those sealed in later blocks than ``above``; of some subjects alone,
        where they are given.
        """
        ...

    def newest(self) -> int:
        """The sequence of the newest item, 0 when there is none; cheap enough to ask at every decision."""
        ...

    def record_transmission(self, transmission: Transmission, *, at: int) -> None:
        """Bind a signed transaction to its items (state sent), before it goes out."""
        ...

    def transmissions(self) -> list[Transmission]:
        """Recorded transmissions without a final outcome, by sender and nonce."""
        ...

    def settle(self, transmission: Transmission, outcome: Outcome) -> None:
        """Record the outcome of a transmission, once.

        Items named in ``outcome.refused`` are refused with that reason. The others are sealed when the transaction
        succeeded; when it failed (it ran out of gas, or another took its nonce) they wait again, in their old order,
        for a new transmission. Items that a newer transmission carries by now are left alone.
        """
        ...

    def unsettle(self, above_block: int) -> None:
        """A reorg took blocks back: transmissions settled in blocks above this one are open again."""
        ...

    def items(self, *, subject: bytes | None = None, state: ItemState | None = None, limit: int = 100) -> list[Item]:
        """The newest items, for status pages."""
        ...


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the mirror has come: the last block taken in, and the digest of all facts up to it."""

    block: Block
    digest: bytes


@dataclass(frozen=True, slots=True)
class Interval:
    """A fact with the blocks in which it held: ``[since, until)``; until None: still.

    ``since == until``: a later event of the same block replaced it. ``place`` is the log index of the event of block
    ``since`` that made it.
    """

    fact: Fact
    since: int
    until: int | None
    place: int = 0


class MirrorStore(Facts, Protocol):
    """The SQL copy of the chain. The lookups of ``Facts`` answer as of the last block taken in."""

    def lease(self, holder: str, *, at: int, seconds: int) -> int:
        """Take or renew the writer's lease; returns its fencing number. Raises WrongState when another holds it."""
        ...

    def cursor(self) -> Cursor | None:
        """How far the mirror has come; None before the first block."""
        ...

    def take(self, blocks: Sequence[Block], events: Sequence[Logged], *, fence: int, expect: Cursor | None) -> Cursor:
        """Write events, facts, blocks and cursor of consecutive blocks in one transaction.

        Raises WrongState when the cursor or the fence moved meanwhile.
        """
        ...

    def roll_back(self, to: int, *, fence: int) -> Cursor | None:
        """Forget every block above ``to`` and reopen what they closed."""
        ...

    def block_at(self, number: int) -> Block | None:
        """The block that the mirror took in at this height."""
        ...

    def subjects(self, custodian: bytes | None = None) -> list[bytes]:
        """Enrolled subjects (of a custodian), by id, as of the last block taken in."""
        ...

    def facts_at(self, block: int) -> Iterator[Fact]:
        """Every fact that held at a block."""
        ...

    def facts_changed(self, since: int, until: int) -> Iterator[Fact]:
        """Facts that began in blocks ``since < number <= until``, the last of each key."""
        ...

    def setting_at(self, request: Request, block: int) -> Setting:
        """What the Directory said of a request at a block."""
        ...

    def consents_at(self, subject: bytes, block: int) -> tuple[Consent, ...] | None:
        """A subject's consents at a block; None when not enrolled then."""
        ...

    def history(self, kind: str, first: bytes, second: bytes | None = None) -> list[Interval]:
        """All versions of the facts of a kind (see projection.key_of) with these identifying values, oldest first."""
        ...

    def current(self, kind: str) -> list[Fact]:
        """All current facts of a kind."""
        ...

    def authorities(self, subject: bytes) -> list[Authority]:
        """The subject's signers, ended ones too."""
        ...

    def head_of(self, log: bytes) -> Head | None:
        """The last anchored head that the mirror has seen."""
        ...

    def heads_of(self, log: bytes) -> list[tuple[Head, Logged]]:
        """All anchored heads of a log, oldest first, each with its event."""
        ...

    def accesses_of(self, log: bytes) -> list[tuple[Access, Logged]]:
        """All access events of a log, by index."""
        ...

    def events_for(self, kind: str, first: bytes, second: bytes | None = None) -> list[Logged]:
        """The raw events that made the facts of a key, oldest first."""
        ...

    def interval_of(self, fact: Fact) -> Interval | None:
        """The current interval of a fact's key."""
        ...

    def keys(self) -> Iterator[Key]:
        """The key of every current fact."""
        ...

    def blocks_in(self, first: int, last: int) -> list[Cursor]:
        """The blocks taken in with ``first <= number <= last``, in order, each with its digest."""
        ...

    def events_in(self, first: int, last: int) -> list[Logged]:
        """The raw events of those blocks, in chain order."""
        ...

    def intervals_in(self, first: int, last: int) -> list[Interval]:
        """Every version of every fact that began in those blocks, the versions of one key in chain order."""
        ...


class LogWriter(Protocol):
    """One log, held exclusively inside a transaction."""

    @property
    def size(self) -> int:
        """Entries so far."""
        ...

    def find(self, key: str) -> StoredEntry | None:
        """The entry that came under an idempotency key."""
        ...

    def find_all(self, keys: Sequence[str]) -> dict[str, StoredEntry]:
        """The entries that came under any of these keys, by key, in one question."""
        ...

    def node(self, level: int, index: int) -> bytes:
        """A complete subtree's hash (see transparency.tree)."""
        ...

    def fetch(self, places: Sequence[Place]) -> list[bytes]:
        """Complete nodes in one question: a writer is a ``NodeReader``."""
        ...

    def append(self, entries: Sequence[StoredEntry], nodes: Iterable[tuple[int, int, bytes]]) -> None:
        """Add entries at the end, with the tree nodes that they complete."""
        ...

    def checkpoint(self, checkpoint: Checkpointed) -> None:
        """Keep a checkpoint that is given out."""
        ...

    def save_decision(self, record: DecisionRecord, members: Sequence[Member]) -> None:
        """Keep a decision with its entry, in the same transaction."""
        ...


class AuditStore(Protocol):
    """The audit logs."""

    def writer(self, log: bytes) -> AbstractContextManager[LogWriter]:
        """Hold a log for writing; commits when the block ends, undoes everything when it raises."""
        ...

    def size(self, log: bytes) -> int:
        """Entries in a log; 0 for one that is not there."""
        ...

    def logs(self) -> list[bytes]:
        """Logs with at least one entry."""
        ...

    def entry(self, log: bytes, index: int) -> StoredEntry | None:
        """One entry."""
        ...

    def entries(self, log: bytes, first: int, last: int) -> Iterator[StoredEntry]:
        """Entries with ``first <= index < last``, in order, streamed."""
        ...

    def node(self, log: bytes, level: int, index: int) -> bytes:
        """A complete subtree's hash; NotFound when it is not complete."""
        ...

    def nodes(self, log: bytes) -> NodeReader:
        """The nodes of a log's tree, for roots and proofs (see transparency.tree)."""
        ...

    def checkpoint(self, log: bytes, size: int | None = None) -> Checkpointed | None:
        """The newest checkpoint, or the one of a size."""
        ...

    def checkpoint_over(self, log: bytes, index: int) -> Checkpointed | None:
        """The smallest kept checkpoint that holds the entry at ``index``."""
        ...

    def decision(self, id: str) -> DecisionRecord | None:
        """A decision that was given out."""
        ...

    def members(self, decision: str) -> list[Member]:
        """The considered rows of a decision, by subject."""
        ...

    def decisions_on(self, subject: bytes, *, limit: int = 100) -> list[tuple[DecisionRecord, Member]]:
        """Decisions that considered a subject, newest first."""
        ...

    def entries_of_decision(self, decision: str) -> list[StoredEntry]:
        """Entries that name a decision, its own first."""
        ...
