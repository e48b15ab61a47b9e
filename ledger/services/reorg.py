"""Where the mirror and the chain part.

A block's hash covers its parent's, so the last block that both have is found by comparing hashes from the top down.
"""

from dataclasses import dataclass

from ledger.domain.events import Block
from ledger.errors import ReorgTooDeep
from ledger.ports import ChainReader, Cursor, MirrorStore

_STRIDE = 64


@dataclass(frozen=True, slots=True)
class Fork:
    """The last block that both have: ``ancestor`` (below the mirror's first block: they share none)."""

    ancestor: int


def is_prefix(store: MirrorStore, head: Block) -> bool:
    """Whether a node whose newest block lies below the mirror's tells the same story so far.

    Then it is syncing, or lags behind the node that was asked before: nothing is contradicted.
    """
    held = store.block_at(head.number)
    return held is not None and held.hash == head.hash


def find_fork(reader: ChainReader, store: MirrorStore, cursor: Cursor, head: Block, confirmations: int) -> Fork:
    """The fork between the mirror and the node's chain.

    Args:
        reader: The chain; its canonical blocks are compared.
        store: The mirror.
        cursor: How far the mirror has come.
        head: The node's newest block.
        confirmations: Blocks on top of a block that make it final.

    Raises:
        ReorgTooDeep: The chain took back a block that the mirror held for final.
        LedgerUnreachable: The node does not answer.
    """
    final = cursor.block.number - confirmations
    lowest = max(final, reader.first_block)
    top = min(cursor.block.number, head.number)
    while top >= lowest:
        bottom = max(lowest, top - _STRIDE + 1)
        ours = {held.block.number: held.block.hash for held in store.blocks_in(bottom, top)}
        for theirs in reversed(reader.blocks(bottom, top)):
            if ours.get(theirs.number) == theirs.hash:
                return Fork(theirs.number)
        top = bottom - 1
    if final < reader.first_block:
        return Fork(reader.first_block - 1)
    raise ReorgTooDeep(
        f"the chain took back block {final}, which had {confirmations} confirmations: answers have stopped. "
        "Find out why (another chain, a node restored from a backup, a broken consensus) before starting a new mirror"
    )
