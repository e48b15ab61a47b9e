"""The RFC 9162 Merkle tree: roots, inclusion proofs and consistency proofs of every size it ever had.

A proof is a list of hashes of subtrees. Each is made of complete nodes, so a proof of n leaves names O(log n) places,
which are fetched in one call: one SQL query, or a few list look-ups.

Invariants:

- Nodes are append-only; the tree of an older size is read from the same nodes.
- A root or proof is asked for by size, never "now": two answers that belong together name the same tree.

Source: https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3 and 2.1.4
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

from ledger.errors import InvalidInput, NotFound
from ledger.transparency.edge import Edge, Place, Run, fold, peaks_of

_Span: TypeAlias = tuple[int, int]


class NodeReader(Protocol):
    """Where complete nodes are read from."""

    def fetch(self, places: Sequence[Place]) -> Sequence[bytes]:
        """The hashes at ``places``, in the same order, 32 bytes each.

        Raises:
            NotFound: A node is not there; the tree is smaller than the one asked for.
        """
        ...


class NodeStore(NodeReader, Protocol):
    """Where complete nodes are kept, each written once."""

    def extend(self, runs: Iterable[Run]) -> None:
        """Adds nodes at the right end of their levels."""
        ...


class MemoryNodes:
    """Nodes held in memory: for cohorts, bundles and tests."""

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = []

    def fetch(self, places: Sequence[Place]) -> list[bytes]:
        """As ``NodeReader.fetch``."""
        try:
            return [self._levels[level][position] for level, position in places]
        except IndexError as error:
            raise NotFound("a node of the tree is missing: ask for a size that the log has reached") from error

    def extend(self, runs: Iterable[Run]) -> None:
        """As ``NodeStore.extend``.

        Raises:
            InvalidInput: A run does not start where its level ends.
        """
        for level, first, hashes in runs:
            while len(self._levels) <= level:
                self._levels.append([])
            row = self._levels[level]
            if len(row) != first:
                raise InvalidInput(f"level {level} ends at node {len(row)}, the run starts at {first}: append in order")
            row.extend(hashes)


def edge_at(nodes: NodeReader, size: int) -> Edge:
    """The right edge of the tree of ``size`` leaves, read back from its nodes: how an appender starts again.

    Raises:
        InvalidInput: ``size`` is not the size of a tree.
        NotFound: The log has not reached ``size``.
    """
    _check(size >= 0, f"a tree of {size} leaves does not exist")
    return Edge(size, tuple(nodes.fetch(peaks_of(0, size))))


def root_at(nodes: NodeReader, size: int) -> bytes:
    """The root (32 bytes) of the tree of the first ``size`` leaves.

    Raises:
        InvalidInput: ``size`` is not the size of a tree.
        NotFound: The log has not reached ``size``.
    """
    return edge_at(nodes, size).root()


def inclusion_proof(nodes: NodeReader, index: int, size: int) -> list[bytes]:
    """The proof that leaf ``index`` is in the tree of the first ``size`` leaves.

    Returns:
        Hashes of 32 bytes from the leaf's sibling up to the root's child: PATH(index, D[size]).

    Raises:
        InvalidInput: ``index`` is not below ``size``.
        NotFound: The log has not reached ``size``.
    """
    _check(0 <= index < size, f"leaf {index} is not in a tree of {size} leaves: ask for an index below the size")
    spans: list[_Span] = []
    low, high = 0, size
    while high - low > 1:
        middle = _split(low, high)
        if index < middle:
            spans.append((middle, high))
            high = middle
        else:
            spans.append((low, middle))
            low = middle
    return _hashes(nodes, spans[::-1])


def consistency_proof(nodes: NodeReader, first: int, second: int) -> list[bytes]:
    """The proof that the tree of ``second`` leaves extends the tree of ``first`` leaves.

    Returns:
        Hashes of 32 bytes: PROOF(first, D[second]), as ``verify_consistency`` and the AuditAnchor contract take it.
        Empty where the sizes are equal, and where ``first`` is 0: every tree extends the empty one.

    Raises:
        InvalidInput: Not ``0 <= first <= second``.
        NotFound: The log has not reached ``second``.
    """
    _check(0 <= first <= second, f"a tree of {second} leaves cannot extend one of {first}: give the smaller size first")
    if first == 0:
        return []
    spans: list[_Span] = []
    low, high = 0, second
    while first != high:
        middle = _split(low, high)
        if first <= middle:
            spans.append((middle, high))
            high = middle
        else:
            spans.append((low, middle))
            low = middle
    if low:  # otherwise the subtree left over is the first tree, whose root the verifier has
        spans.append((low, high))
    return _hashes(nodes, spans[::-1])


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes of 32 bytes, in order; nothing is kept.

    Raises:
        InvalidInput: A leaf hash is not 32 bytes.
    """
    return Edge().extend(leaves)[0].root()


class Tree:
    """A growing tree: a store of nodes and its right edge.

    Args:
        nodes: Where the nodes are; in memory unless given.
        size: The number of leaves that the store already holds.
    """

    def __init__(self, nodes: NodeStore | None = None, size: int = 0) -> None:
        self._nodes: NodeStore = MemoryNodes() if nodes is None else nodes
        self._edge = edge_at(self._nodes, size)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._edge.size

    def append(self, leaf: bytes) -> int:
        """Adds one leaf hash of 32 bytes and gives its index.

        Raises:
            InvalidInput: The leaf hash is not 32 bytes; nothing was added.
        """
        return self._grow(*self._edge.append(leaf))

    def extend(self, leaves: Sequence[bytes]) -> int:
        """Adds leaf hashes of 32 bytes each and gives the index of the first.

        Raises:
            InvalidInput: A leaf hash is not 32 bytes; nothing was added.
        """
        return self._grow(*self._edge.extend(leaves))

    def root(self, size: int | None = None) -> bytes:
        """The root of the first ``size`` leaves (all of them unless given)."""
        return self._edge.root() if size is None or size == self.size else root_at(self._nodes, size)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """As the function ``inclusion_proof``, in the tree of the first ``size`` leaves (all of them unless given)."""
        return inclusion_proof(self._nodes, index, self.size if size is None else size)

    def consistency_proof(self, first: int, second: int | None = None) -> list[bytes]:
        """As the function ``consistency_proof``, up to ``second`` leaves (all of them unless given)."""
        return consistency_proof(self._nodes, first, self.size if second is None else second)

    def _grow(self, edge: Edge, runs: list[Run]) -> int:
        index = self._edge.size
        self._nodes.extend(runs)
        self._edge = edge
        return index


def _split(low: int, high: int) -> int:
    """Where RFC 9162 splits a subtree: after the largest power of two of its leaves that is less than their number."""
    return low + (1 << ((high - low - 1).bit_length() - 1))


def _hashes(nodes: NodeReader, spans: Sequence[_Span]) -> list[bytes]:
    """The hash of each span of leaves, all nodes fetched at once."""
    parts = [peaks_of(low, high) for low, high in spans]
    fetched = iter(nodes.fetch([place for part in parts for place in part]))
    return [fold([next(fetched) for _ in part]) for part in parts]


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidInput(message)
