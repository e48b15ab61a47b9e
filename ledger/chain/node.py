"""What this room needs of a chain, whichever it is: the embedded one or a node behind JSON-RPC.

``ChainReader`` and ``ChainWriter`` are built once on top of this protocol, so that both chains decode, sign and prove
with the same code. Addresses have 20 bytes, hashes 32.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from ledger.domain.events import Block
from ledger.errors import WrongState


class RawLog(msgspec.Struct, frozen=True, gc=False):
    """A log as the chain has it."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    log_index: int
    transaction: bytes


class Receipt(msgspec.Struct, frozen=True):
    """What became of a mined transaction; ``index`` is its place in the block."""

    transaction: bytes
    block_number: int
    block_hash: bytes
    index: int
    succeeded: bool
    gas_used: int
    logs: tuple[RawLog, ...]


class Transaction(msgspec.Struct, frozen=True):
    """What a transaction asks for: sender and receiver (20 bytes), gas limit and call data."""

    sender: bytes
    to: bytes
    gas: int
    data: bytes


class Reverted(WrongState):
    """A call was reverted; ``data`` is what the contract gave back."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"the contract reverted with 0x{data.hex()}")
        self.data = data


class NodeRefused(WrongState):
    """The node does not take a transaction, and asking again will not help."""


class NonceTaken(WrongState):
    """The transaction's nonce is used up by a mined transaction, maybe by this very one."""


class Node(Protocol):
    """A chain's node. Raises LedgerUnreachable when it does not answer, NotFound for what it does not have."""

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        ...

    def head(self) -> Block:
        """The newest block."""
        ...

    def block(self, number: int) -> Block:
        """The block at a height of the canonical chain."""
        ...

    def block_by_hash(self, block_hash: bytes) -> Block:
        """The block with this hash."""
        ...

    def blocks(self, first: int, last: int) -> list[Block]:
        """The blocks of an inclusive range."""
        ...

    def witness(self, block: Block) -> bool:
        """Whether everybody who is asked has this block at its height; False: somebody cannot say. See RpcNode."""
        ...

    def header(self, number: int) -> bytes:
        """The RLP of a header; its keccak-256 is the block's hash."""
        ...

    def logs_between(self, first: int, last: int, addresses: Collection[bytes]) -> list[RawLog]:
        """Logs of these contracts in an inclusive range of blocks, in chain order."""
        ...

    def logs_of(self, block_hash: bytes, addresses: Collection[bytes]) -> list[RawLog]:
        """Logs of these contracts in one block, in order."""
        ...

    def receipt(self, transaction: bytes) -> Receipt | None:
        """The receipt of a transaction; None while no block of the canonical chain holds it."""
        ...

    def receipts(self, transactions: Sequence[bytes], topic: bytes) -> list[Receipt | None]:
        """As ``receipt``, of several transactions; logs that do not start with ``topic`` may be left out."""
        ...

    def transaction(self, transaction: bytes) -> Transaction:
        """What a mined transaction asked for."""
        ...

    def receipts_of(self, block_hash: bytes) -> list[bytes]:
        """The consensus encodings (EIP-2718) of a block's receipts, in order."""
        ...

    def nonce(self, account: bytes) -> int:
        """The next nonce of an account, mined and known pending transactions counted."""
        ...

    def gas_price(self) -> int:
        """A price in wei that the chain takes now, with room for a few full blocks."""
        ...

    def code(self, account: bytes) -> bytes:
        """The code at an address, as of the newest block; empty when there is none."""
        ...

    def call(
        self, to: bytes, data: bytes, *, sender: bytes = bytes(20), block: int | None = None, gas: int | None = None
    ) -> bytes:
        """Run a call at a block (default: the newest) and throw its effects away; raises Reverted."""
        ...

    def send(self, raw: bytes) -> None:
        """Hand over a signed transaction; harmless when the node has it. Raises NodeRefused, NonceTaken."""
        ...

    def close(self) -> None:
        """Give connections and locks back."""
        ...
