"""Reading a Merkle-Patricia trie of which some nodes are given.

Invariants:

- A node counts only where the node above names it by its hash; the root is named by a block's header.
- Every given node must be reached, so nothing can be carried along unproved.
- Where a named node is not given, the reading says that it is not complete; a complete reading shows every leaf there
  is, so it also shows what is not in the trie.

Source: https://ethereum.org/en/developers/docs/data-structures-and-encoding/patricia-merkle-trie/ and the Yellow
Paper, appendix D.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from eth_hash.auto import keccak
from rlp.codec import decode
from rlp.exceptions import RLPException

from ledger.errors import ProofInvalid

EMPTY_TRIE = keccak(b"\x80")
"""The root of a trie without leaves."""

_LONGEST = 64
"""Hex digits of the longest key: 32 bytes. Keys of receipts are much shorter."""

Rlp: TypeAlias = "bytes | list[Rlp]"


@dataclass(slots=True)
class Reading:
    """What the given nodes show.

    Attributes:
        leaves: Values by key.
        complete: Whether there can be no other leaf.
    """

    leaves: dict[bytes, bytes] = field(default_factory=dict)
    complete: bool = True


def decode_rlp(data: bytes, what: str) -> Rlp:
    """The item whose only RLP encoding is ``data``.

    Raises:
        ProofInvalid: It is no encoding, or not the canonical one.
    """
    try:
        item: Rlp = _lists(decode(data, strict=True))  # type: ignore[no-untyped-call]
    except (RLPException, RecursionError, TypeError) as problem:
        raise ProofInvalid(f"{what}: not RLP: {problem}") from problem
    return item


def read_trie(root: bytes, nodes: Sequence[bytes]) -> Reading:
    """Walk a trie from its root, as far as nodes are given.

    Args:
        root: The trusted root, 32 bytes.
        nodes: RLP of nodes, in any order, each once.

    Raises:
        ProofInvalid: A node is malformed, stands twice, or is not part of this trie.
    """
    given = {keccak(node): node for node in nodes}
    if len(given) != len(nodes):
        raise ProofInvalid("trie: a node is given twice")
    reading = Reading()
    if root == EMPTY_TRIE and not nodes:
        return reading
    reached: set[bytes] = set()
    waiting: list[tuple[str, Rlp]] = [("", root)]
    while waiting:
        path, reference = waiting.pop()
        if isinstance(reference, bytes):
            if len(reference) != 32:
                raise ProofInvalid("trie: a reference is neither a hash nor a short node")
            if reference not in given:
                reading.complete = False
                continue
            reached.add(reference)
            reference = decode_rlp(given[reference], "trie node")
        waiting += _children(path, reference, reading.leaves)
    if len(reached) != len(given):
        raise ProofInvalid(f"trie: {len(given) - len(reached)} of {len(given)} given nodes are not part of it")
    return reading


def _children(path: str, node: Rlp, leaves: dict[bytes, bytes]) -> list[tuple[str, Rlp]]:
    """The references below a node; the values that stand in it go to ``leaves``."""
    if isinstance(node, bytes):
        raise ProofInvalid("trie: a node is not a list")
    match node:
        case [bytes() as prefix, rest]:
            nibbles, is_leaf = _unpack(prefix)
            if not is_leaf:
                return [(path + nibbles, rest)]
            _keep(path + nibbles, rest, leaves)
            return []
        case [*branches, value] if len(branches) == 16:
            if value != b"":
                _keep(path, value, leaves)
            return [(f"{path}{nibble:x}", branch) for nibble, branch in enumerate(branches) if branch != b""]
        case _:
            raise ProofInvalid("trie: a node has neither 2 nor 17 items")


def _keep(path: str, value: Rlp, leaves: dict[bytes, bytes]) -> None:
    if len(path) % 2 or len(path) > _LONGEST or not isinstance(value, bytes):
        raise ProofInvalid("trie: a leaf has half a byte for a key, a key that is too long, or no bytes for a value")
    leaves[bytes.fromhex(path)] = value


def _unpack(prefix: bytes) -> tuple[str, bool]:
    """The nibbles of a hex-prefix encoded path as hex digits, and whether it ends in a leaf."""
    digits = prefix.hex()
    if not digits or digits[0] not in "0123" or (digits[0] in "02" and digits[1] != "0"):
        raise ProofInvalid("trie: a path is not hex-prefix encoded")
    return digits[1 if digits[0] in "13" else 2 :], digits[0] in "23"


def _lists(item: object) -> Rlp:
    if isinstance(item, bytes):
        return item
    if isinstance(item, list | tuple):
        return [_lists(inner) for inner in item]
    raise TypeError(type(item).__name__)
