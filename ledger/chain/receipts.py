"""Transaction receipts in their consensus encoding, and the trie that a block header binds them with.

The trie of a block is rebuilt from all its receipts: its root must be the header's ``receiptsRoot``, and the path to
one receipt is its proof (Merkle-Patricia, keys are the RLP of the index).

Source: https://eips.ethereum.org/EIPS/eip-2718
"""

from collections.abc import Collection, Sequence

from trie.hexary import HexaryTrie

from ledger.chain import rlp
from ledger.chain.hashing import keccak
from ledger.chain.node import RawLog, Receipt
from ledger.domain.events import Block
from ledger.errors import MirrorDiverged
from ledger.ports import ReceiptProof

_RECEIPTS_ROOT = 5  # place in the header's RLP list


def encode(kind: int, *, succeeded: bool, cumulative_gas: int, bloom: bytes, logs: Sequence[RawLog]) -> bytes:
    """The consensus encoding of a receipt; ``kind`` is the transaction's type (0: legacy)."""
    body = rlp.encode(
        [
            b"\x01" if succeeded else b"",
            rlp.integer(cumulative_gas),
            bloom,
            [[log.address, list(log.topics), log.data] for log in logs],
        ]
    )
    return (bytes((kind,)) if kind else b"") + body


def decode(encoded: Sequence[bytes], hashes: Sequence[bytes], block: Block) -> list[Receipt]:
    """All receipts of a block.

    Args:
        encoded: Their consensus encodings, in order.
        hashes: The transactions' hashes, in order.
        block: The block.
    """
    receipts = []
    gas = 0
    log_index = 0
    for index, (receipt, transaction) in enumerate(zip(encoded, hashes, strict=True)):
        status, cumulative, _, raw_logs = rlp.decode(receipt[1:] if receipt[0] < 0xC0 else receipt)
        cumulative_gas = int.from_bytes(cumulative, "big")
        logs = tuple(
            [
                RawLog(address, tuple(topics), data, block.number, block.hash, log_index + place, transaction)
                for place, (address, topics, data) in enumerate(raw_logs)
            ]
        )
        log_index += len(logs)
        receipts.append(
            Receipt(transaction, block.number, block.hash, index, status == b"\x01", cumulative_gas - gas, logs)
        )
        gas = cumulative_gas
    return receipts


def prove(header: bytes, encoded: Sequence[bytes], receipt: Receipt) -> ReceiptProof:
    """Prove one receipt against its block's header.

    Args:
        header: The RLP of the header.
        encoded: The consensus encodings of all receipts of the block, in order.
        receipt: The receipt to prove.

    Raises:
        MirrorDiverged: The node's receipts do not make the root in the header.
    """
    root, nodes = _build(header, encoded, receipt.block_number)
    key = rlp.encode(rlp.integer(receipt.index))
    return ReceiptProof(
        block_number=receipt.block_number,
        transaction=receipt.transaction,
        key=key,
        receipt=encoded[receipt.index],
        nodes=tuple(_path(nodes, root, key)),
    )


def all_nodes(header: bytes, encoded: Sequence[bytes], number: int) -> tuple[bytes, ...]:
    """All nodes of the receipts trie of a block, RLP.

    Args:
        header: The RLP of the header.
        encoded: The consensus encodings of all receipts of the block, in order.
        number: The block's, for the message.

    Raises:
        MirrorDiverged: The node's receipts do not make the root in the header.
    """
    return tuple(_build(header, encoded, number)[1].values())


def of_ours(logs: Sequence[RawLog], addresses: Collection[bytes]) -> list[RawLog]:
    """The logs that these contracts emitted."""
    return [log for log in logs if log.address in addresses]


def _build(header: bytes, encoded: Sequence[bytes], number: int) -> tuple[bytes, dict[bytes, bytes]]:
    """The root that the header names, and the nodes under it by their hash."""
    nodes: dict[bytes, bytes] = {}
    trie = HexaryTrie(nodes, prune=True)
    for index, value in enumerate(encoded):
        trie[rlp.encode(rlp.integer(index))] = value
    root: bytes = rlp.decode(header)[_RECEIPTS_ROOT]
    if trie.root_hash != root:
        raise MirrorDiverged(f"the node's receipts of block {number} do not match its header; ask another node")
    return root, nodes


def _path(nodes: dict[bytes, bytes], root: bytes, key: bytes) -> list[bytes]:
    """The encoded trie nodes from the root to a key; nodes that are embedded in their parent come with it."""
    nibbles = [nibble for byte in key for nibble in (byte >> 4, byte & 15)]
    path = []
    reference: bytes | list[bytes] = root
    while True:
        if isinstance(reference, bytes):
            encoded = nodes[reference]
            assert keccak(encoded) == reference
            path.append(encoded)
            node = rlp.decode(encoded)
        else:
            node = reference
        if len(node) == 17:
            if not nibbles:
                return path
            reference = node[nibbles.pop(0)]
            continue
        flags = node[0][0] >> 4
        prefix = [nibble for byte in node[0] for nibble in (byte >> 4, byte & 15)][1 if flags & 1 else 2 :]
        assert nibbles[: len(prefix)] == prefix
        nibbles = nibbles[len(prefix) :]
        if flags >= 2:
            return path
        reference = node[1]
