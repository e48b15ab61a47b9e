"""The hashes of an RFC 9162 Merkle tree, SHA-256.

Invariant: a leaf and an inner node are hashed under different first bytes, so neither can be passed off as the other.

Source: https://www.rfc-editor.org/rfc/rfc9162#section-2.1.1
"""

from collections.abc import Iterable
from hashlib import sha256

HASH_SIZE = 32
"""Bytes of a leaf hash, a node hash and a root."""

MAX_SIZE = 2**63 - 1
"""The most leaves of a tree: what a signed 64-bit SQL column holds."""

EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves."""

# OpenSSL takes less time to copy a state, with its first byte in it, than to find its way to a new one.
_LEAF, _NODE = sha256(b"\x00"), sha256(b"\x01")


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that holds ``data``: SHA-256(0x00 || data), 32 bytes."""
    return sha256(b"\x00" + data).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """As ``leaf_hash``, of each of many."""
    begin, hashes = _LEAF.copy, []
    for data in entries:
        state = begin()
        state.update(data)
        hashes.append(state.digest())
    return hashes


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node over two 32-byte hashes: SHA-256(0x01 || left || right), 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


def is_hash(value: object) -> bool:
    """Whether ``value`` has the shape of a hash: ``bytes``, 32 of them."""
    return isinstance(value, bytes) and len(value) == HASH_SIZE


def pair_up(row: list[bytes]) -> list[bytes]:
    """The row of nodes above ``row``; a last hash without a partner has no node yet and is left out."""
    pairs = iter(row)
    begin, hashes = _NODE.copy, []
    for left, right in zip(pairs, pairs, strict=False):
        state = begin()
        state.update(left + right)
        hashes.append(state.digest())
    return hashes
