"""Checking RFC 9162 proofs. A check returns nothing or raises: there is no answer that can be ignored by mistake.

Everything here comes from outside: a value of the wrong type, length or range is an invalid proof, not a crash. A
proof is exactly as long as the sizes demand, so nothing can be hidden at its end.

Source: https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3.2 and 2.1.4.2
"""

from collections.abc import Sequence

from ledger.errors import ProofInvalid
from ledger.transparency.hashing import HASH_SIZE, MAX_SIZE, is_hash, node_hash


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to; the caller compares it with one that is trusted.

    Args:
        leaf: Leaf hash, 32 bytes.
        index: Index of the leaf, from 0.
        size: Number of leaves of the tree.
        proof: Hashes of 32 bytes, from the leaf upwards.

    Raises:
        ProofInvalid: An argument is malformed, or the proof is not as long as index and size demand.
    """
    _check_size("tree size", size, least=1)
    if not _is_int(index) or not 0 <= index < size:
        raise ProofInvalid(f"inclusion proof: index {index!r} is not below the tree size {size}")
    _check_hash("leaf hash", leaf)
    _check_path("inclusion proof", proof)
    length = _inclusion_length(index, size)
    if len(proof) != length:
        raise ProofInvalid(
            f"inclusion proof: {len(proof)} hashes, but leaf {index} of {size} is proved by exactly {length}"
        )
    result, node, last = leaf, index, size - 1
    for sibling in proof:
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while node and not node & 1:  # the last node of a level without a partner stands for itself further up
                node >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        node >>= 1
        last >>= 1
    return result


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Checks that ``leaf`` is leaf ``index`` of the tree with ``size`` leaves and ``root``.

    Args:
        leaf: Leaf hash, 32 bytes.
        index: Index of the leaf, from 0.
        size: Number of leaves of the tree.
        proof: Hashes of 32 bytes, from the leaf upwards.
        root: The trusted root of the tree, 32 bytes.

    Raises:
        ProofInvalid: It does not hold; the message says what is wrong.
    """
    _check_hash("root", root)
    if root_from_inclusion(leaf, index, size, proof) != root:
        raise ProofInvalid(
            f"inclusion proof: leaf {index} and its path do not lead to the root of the tree of {size} leaves"
        )


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Checks that the tree (``second``, ``second_root``) extends the tree (``first``, ``first_root``).

    Args:
        first: Number of leaves of the older tree, at least 1: nothing can contradict the empty tree.
        second: Number of leaves of the newer tree.
        first_root: Root of the older tree, 32 bytes.
        second_root: Root of the newer tree, 32 bytes.
        proof: Hashes of 32 bytes; empty if the sizes are equal.

    Raises:
        ProofInvalid: It does not hold; the message says what is wrong.
    """
    _check_size("first size", first, least=1)
    _check_size("second size", second, least=first)
    _check_hash("first root", first_root)
    _check_hash("second root", second_root)
    _check_path("consistency proof", proof)
    length = _consistency_length(first, second)
    if len(proof) != length:
        raise ProofInvalid(
            f"consistency proof: {len(proof)} hashes, but {first} to {second} leaves is proved by exactly {length}"
        )
    if first == second:
        if first_root != second_root:
            raise ProofInvalid(f"consistency proof: two different roots of {first} leaves: the log was forked")
        return
    # A first tree that is complete is itself the start of the path, and is left out of the proof.
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    node, last = first - 1, second - 1
    while node & 1:
        node >>= 1
        last >>= 1
    older = newer = path[0]
    for sibling in path[1:]:
        if node & 1 or node == last:
            older = node_hash(sibling, older)
            newer = node_hash(sibling, newer)
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            newer = node_hash(newer, sibling)
        node >>= 1
        last >>= 1
    if older != first_root:
        raise ProofInvalid(f"consistency proof: it does not contain the first tree of {first} leaves and its root")
    if newer != second_root:
        raise ProofInvalid(f"consistency proof: it does not lead to the root of the second tree of {second} leaves")


def _inclusion_length(index: int, size: int) -> int:
    """The number of hashes of PATH(index, D[size]).

    Up to where the leaf's way and the way of the last leaf meet, every level has a sibling; above, only left ones.
    """
    inner = (index ^ (size - 1)).bit_length()
    return inner + (index >> inner).bit_count()


def _consistency_length(first: int, second: int) -> int:
    """The number of hashes of PROOF(first, D[second])."""
    if first == second:
        return 0
    # The path starts at the largest complete subtree at the right end of the first tree: `shift` levels up.
    shift = (first & -first).bit_length() - 1
    length = _inclusion_length((first - 1) >> shift, ((second - 1) >> shift) + 1)
    return length if first & (first - 1) == 0 else length + 1


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_size(name: str, value: int, least: int) -> None:
    if not _is_int(value) or not least <= value <= MAX_SIZE:
        raise ProofInvalid(f"{name} {value!r} is not an integer from {least} to 2^63 - 1")


def _check_hash(name: str, value: bytes) -> None:
    if not is_hash(value):
        raise ProofInvalid(f"{name} is not a hash of {HASH_SIZE} bytes")


def _check_path(name: str, path: Sequence[bytes]) -> None:
    if not isinstance(path, list | tuple) or not all(map(is_hash, path)):
        raise ProofInvalid(f"{name} is not a list of hashes of {HASH_SIZE} bytes each")
