"""Block headers: what a bundle needs of them, the chain they make, and what their blooms exclude.

Invariants: a header is known by the keccak-256 of its RLP; each names its parent; so the hash of the last one vouches
for all of them. A bloom filter can say "perhaps" wrongly, but never "no".

Source: Yellow Paper, sections 4.3 and 4.3.1 (bloom); fields added by later forks stand behind the ones read here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from eth_hash.auto import keccak

from ledger.errors import ProofInvalid
from ledger.verify.mpt import decode_rlp

_LEAST_FIELDS = 15
_BLOOM_BYTES = 256


@dataclass(frozen=True, slots=True)
class Header:
    """A block header, as far as proofs need it. ``timestamp`` in seconds UTC."""

    number: int
    hash: bytes
    parent: bytes
    receipts_root: bytes
    bloom: int
    timestamp: int


def read_header(data: bytes) -> Header:
    """Read the RLP of a header.

    Raises:
        ProofInvalid: It is none.
    """
    fields = decode_rlp(data, "header")
    if isinstance(fields, bytes) or len(fields) < _LEAST_FIELDS or not all(isinstance(item, bytes) for item in fields):
        raise ProofInvalid(f"header: not a list of at least {_LEAST_FIELDS} strings of bytes")
    flat = [item for item in fields if isinstance(item, bytes)]
    parent, receipts_root, bloom = flat[0], flat[5], flat[6]
    if len(parent) != 32 or len(receipts_root) != 32 or len(bloom) != _BLOOM_BYTES:
        raise ProofInvalid("header: a hash or the bloom filter has the wrong length")
    return Header(
        number=int.from_bytes(flat[8], "big"),
        hash=keccak(data),
        parent=parent,
        receipts_root=receipts_root,
        bloom=int.from_bytes(bloom, "big"),
        timestamp=int.from_bytes(flat[11], "big"),
    )


def bloom_mask(values: Iterable[bytes]) -> int:
    """The bits that a bloom filter has set if it holds all of ``values`` (addresses and topics)."""
    mask = 0
    for value in values:
        digest = keccak(value)
        for place in (0, 2, 4):
            mask |= 1 << (int.from_bytes(digest[place : place + 2], "big") & 2047)
    return mask


def excludes(bloom: int, mask: int) -> bool:
    """Whether a block with this bloom surely holds no log with all the values of ``mask``."""
    return bloom & mask != mask
