"""An accepted act on its way to the chain, and the transaction that carries it.

Life of an item: accepted -> sent -> sealed, or accepted/sent -> refused. Accepted means durable: from then on it is
never lost and never doubled. A transaction is stored, with its nonce and signed bytes, before it is first sent.
"""

from dataclasses import dataclass
from enum import IntEnum

from ledger.domain.acts import Act


class ItemState(IntEnum):
    """States of an accepted act."""

    ACCEPTED = 1
    SENT = 2
    SEALED = 3
    REFUSED = 4


@dataclass(frozen=True, slots=True)
class Item:
    """One act in the outbox.

    ``digest`` identifies it everywhere (the EIP-712 digest; for consortium acts the SHA-256 of the stored form).
    ``sequence`` is its place in the order of acceptance. ``block`` is where it was sealed. ``reason`` says why it was
    refused. Times in seconds UTC.
    """

    sequence: int
    digest: bytes
    act: Act
    state: ItemState
    accepted_at: int
    transaction: bytes | None = None
    block: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Transmission:
    """A signed transaction: its hash, sender (20 bytes), nonce and raw bytes, and the items that it carries."""

    hash: bytes
    sender: bytes
    nonce: int
    raw: bytes
    items: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transaction: the block that holds it, whether it ran, and the refused acts by digest.

    ``gas`` is what it used, where a block holds it.
    """

    block_number: int
    block_hash: bytes
    succeeded: bool
    refused: dict[bytes, str]
    error: str = ""
    gas: int = 0
