"""The right edge of a growing tree: all that an appender must hold.

A tree of ``size`` leaves is a row of complete subtrees, one for each bit set in ``size``, the largest first. Their
hashes (the peaks) give the root, and adding leaves changes no node that is already complete. So an appender keeps at
most 63 hashes, and a store keeps complete nodes, each written once and never changed.

Invariants:

- A node (``level``, ``position``) is the hash over the leaves ``[position << level, (position + 1) << level)``, all
  of them present.
- An ``Edge`` is a value. ``extend`` gives a new one: where a transaction fails, the old one still holds.

Source: https://www.rfc-editor.org/rfc/rfc9162#section-2.1.1
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger.errors import InvalidInput
from ledger.transparency.hashing import EMPTY_ROOT, MAX_SIZE, is_hash, node_hash, pair_up


class Place(NamedTuple):
    """Where a complete node stands: ``level`` 0 is the leaves, ``position`` counts from the left within its level."""

    level: int
    position: int


class Run(NamedTuple):
    """Neighbouring nodes of one level that became complete: node ``first + i`` of ``level`` is ``hashes[i]``."""

    level: int
    first: int
    hashes: list[bytes]


def peaks_of(begin: int, end: int) -> list[Place]:
    """The complete subtrees that together hold the leaves ``[begin, end)``, from left to right.

    ``begin`` is a multiple of the largest power of two that is not above ``end - begin``, as it is for every subtree
    of an RFC 9162 tree.
    """
    places = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        places.append(Place(level, begin >> level))
        begin += 1 << level
    return places


def fold(peaks: Sequence[bytes]) -> bytes:
    """The hash over a row of complete subtrees, the largest first; of none, the root of the empty tree."""
    if not peaks:
        return EMPTY_ROOT
    result = peaks[-1]
    for peak in reversed(peaks[:-1]):
        result = node_hash(peak, result)
    return result


def root_within(runs: Sequence[Run], first: int, count: int) -> bytes:
    """The root of the tree of their own over some leaves that a tree grew by, as if there were no others.

    Subtrees that stand in the grown tree as well are not hashed again: all of them that are no larger than the largest
    power of two which divides ``first``.

    Args:
        runs: What ``Edge.extend`` gave, from level 0 on.
        first: The index of the first of the leaves.
        count: How many there are, at least one.
    """
    level = min(len(runs), count.bit_length(), (first & -first).bit_length() or len(runs)) - 1
    start = (first >> level) - runs[level].first
    row = runs[level].hashes[start : start + (count >> level)]
    rest = count & ((1 << level) - 1)
    if rest:
        row.append(root_within(runs, first + count - rest, rest))
    while len(row) > 1:
        row = pair_up(row) + row[len(row) & ~1 :]  # a last one without a partner goes up as it is
    return row[0]


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of a tree.

    Attributes:
        size: Number of leaves.
        peaks: Hashes (32 bytes each) of ``peaks_of(0, size)``.

    Raises:
        InvalidInput: The peaks do not fit the size.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE:
            raise InvalidInput(f"a tree holds 0 to 2^63 - 1 leaves, not {self.size}")
        if len(self.peaks) != self.size.bit_count() or not all(map(is_hash, self.peaks)):
            raise InvalidInput(f"a tree of {self.size} leaves has {self.size.bit_count()} peaks of 32 bytes each")

    def root(self) -> bytes:
        """The root of the tree, 32 bytes."""
        return fold(self.peaks)

    def extend(self, leaves: Sequence[bytes]) -> tuple["Edge", list[Run]]:
        """The edge after further leaves, and the nodes that became complete.

        Args:
            leaves: Leaf hashes, 32 bytes each, in the order of the log.

        Returns:
            The new edge, and one run a level from level 0 (the leaves themselves) upwards. A store appends each run
            to what it holds of that level: there is no gap and no overlap.

        Raises:
            InvalidInput: A leaf hash is not 32 bytes, or the tree would pass its largest size.
        """
        if not all(map(is_hash, leaves)):
            raise InvalidInput("a leaf hash is 32 bytes: pass leaf_hash(data), not the data")
        size = self.size + len(leaves)
        held = {place.level: peak for place, peak in zip(peaks_of(0, self.size), self.peaks, strict=True)}
        runs: list[Run] = []
        peaks: list[bytes] = []
        row, first = list(leaves), self.size
        for level in range(size.bit_length()):
            if row:
                runs.append(Run(level, first, row))
            if level in held:  # the left neighbour of the first new node was complete and waited for its partner
                row, first = [held[level], *row], first - 1
            if (size >> level) & 1:
                peaks.append(row[-1])
            row, first = pair_up(row), first >> 1
        return Edge(size, tuple(reversed(peaks))), runs

    def append(self, leaf: bytes) -> tuple["Edge", list[Run]]:
        """As ``extend``, for one leaf hash of 32 bytes: one hash in the mean, whatever the size."""
        if not is_hash(leaf):
            raise InvalidInput("a leaf hash is 32 bytes: pass leaf_hash(data), not the data")
        peaks, node, position = list(self.peaks), leaf, self.size
        runs = [Run(0, position, [leaf])]
        while position & 1:
            node, position = node_hash(peaks.pop(), node), position >> 1
            runs.append(Run(len(runs), position, [node]))
        return Edge(self.size + 1, (*peaks, node)), runs
