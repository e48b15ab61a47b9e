"""Reading and writing a chain, and the signatures of acts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.domain.acts import Act
from ledger.domain.decision import Decision
from ledger.domain.events import Block, Logged
from ledger.domain.outbox import Item, Outcome, Transmission
from ledger.domain.policy import Request


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

    def decide(
        self, subject: bytes, consents: Sequence[bytes], request: Request, at: int, block: int | None = None
    ) -> Decision:
        """The ConsentRegistry's own view of a decision, at a block (default: the newest).

        ``consents`` are the ids of the subject's live consents; MirrorDiverged where the contract holds others.
        """
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

    def fill(self, sender: bytes, nonce: int) -> None:
        """Use a nonce up with an empty transaction, so that those with higher ones can be mined."""
        ...

    def outcome(self, transaction: bytes) -> Outcome | None:
        """What became of it; None while no block holds it."""
        ...

    def outcomes(self, transactions: Sequence[bytes]) -> list[Outcome | None]:
        """As ``outcome``, of several transactions in one question."""
        ...


class SignatureChecker(Protocol):
    """Checks act signatures off the chain, before anything is written."""

    def check(self, act: Act, signer: bytes, digest: bytes | None = None) -> None:
        """Raise BadSignature unless ``signer`` (ERC-7913) signed the act; ``digest``: the act's, where it is known."""
        ...

    def admit(self, signer: bytes) -> None:
        """Raise InvalidInput unless a new signer is of a kind that the service gives authority to."""
        ...

    def counter(self, act: Act) -> int | None:
        """The signature counter in a passkey's act that was checked; None for acts of other signers."""
        ...


class ActSigner(Protocol):
    """Signs acts with keys that the service keeps for institutions and reviewers."""

    def sign(self, act: Act, signer: bytes) -> Act:
        """The act with its signature; NotFound when the key is not kept here."""
        ...

    def create(self) -> bytes:
        """Make and keep a new key; returns its signer bytes (an address)."""
        ...
