"""The tree of a log, grown anew out of leaves that were recomputed, and held against the tiles that are stored.

Invariant: no hash of a root comes from the store; what is stored is only compared.

Source: https://c2sp.org/tlog-tiles
"""

from collections.abc import Iterable
from itertools import zip_longest

from ledger.domain.health import Fault, Health
from ledger.ports import AuditStore
from ledger.services.fsck_page import root_of
from ledger.transparency.edge import Edge, fold
from ledger.transparency.hashing import EMPTY_ROOT, HASH_SIZE
from ledger.transparency.tiles import HEIGHT, WIDTH

_AT_ONCE = 16  # stored tiles that are read in one go
_TIERS = range(8)  # of the longest log's tree
_BEYOND = 1 << 62  # above the index of every tile


class Regrown:
    """One log's tree, a tile of leaves at a time.

    Args:
        audit: The logs.
        health: Where faults are noted.
        wanted: Sizes whose roots are asked for.

    Attributes:
        roots: The roots (32 bytes) of the wanted sizes that it has reached, and of 0.
        size: Its leaves.
    """

    def __init__(self, audit: AuditStore, health: Health, wanted: Iterable[int]) -> None:
        self._audit = audit
        self._health = health
        self._wanted = sorted(wanted, reverse=True)
        self._tiles = Edge()  # over the roots of the full tiles, so that a tile of 256 leaves is one leaf of it
        self._open: dict[int, list[bytes]] = {}  # by tier above 0: the hashes of its tile that is not full yet
        self._stored: dict[int, dict[int, tuple[bytes, bytes]]] = {}  # by tier: some tiles as they are stored
        self.roots = {0: EMPTY_ROOT}
        self.size = 0

    def grow(self, hashes: bytes, root: bytes) -> None:
        """Add the next tile of leaves.

        Args:
            hashes: The leaves (32 bytes each) side by side: 256, or fewer at the end of the log.
            root: The root over them, where they are 256; otherwise nothing.
        """
        end = self.size + len(hashes) // HASH_SIZE
        while self._wanted and self._wanted[-1] <= end:
            size = self._wanted.pop()
            if size > self.size:
                part, _ = Edge().extend(_apart(hashes)[: size - self.size])
                self.roots[size] = fold((*self._tiles.peaks, *part.peaks))
        if root:
            self._hold(0, self._tiles.size, hashes, root)
            self._climb(self._tiles.size, root)
            self._tiles, _ = self._tiles.append(root)
        self.size = end

    def look_for_more(self) -> None:
        """Name the tiles that are stored and that no entries fill: the next head would be made out of them."""
        for tier in _TIERS:
            width = tier * HEIGHT + HEIGHT
            more = self._audit.tiles(self._health.log, tier, self.size >> width, _BEYOND)
            size = self._audit.size(self._health.log)  # after the tiles: what is appended meanwhile may fill some
            for index in sorted(more):
                if (index + 1) << width > size:
                    first = index << width
                    what = f"tile {tier}/{index} of the tree is there, and no entries fill it"
                    self._health.note(Fault.NODE, first if first < size else None, what)

    def _climb(self, index: int, root: bytes) -> None:
        """Put the root of a tile into the tiles above, and hold those against the stored ones that it fills."""
        tier = 1
        while True:
            row = self._open.setdefault(tier, [])
            row.append(root)
            if len(row) < WIDTH:
                return
            index //= WIDTH
            root = root_of(row)
            self._hold(tier, index, b"".join(row), root)
            row.clear()
            tier += 1

    def _hold(self, tier: int, index: int, hashes: bytes, root: bytes) -> None:
        """Hold a full tile against the stored one."""
        if not index % _AT_ONCE or tier not in self._stored:
            self._stored[tier] = self._audit.tiles(self._health.log, tier, index, index + _AT_ONCE)
        stored = self._stored[tier].get(index)
        if stored == (root, hashes):
            return
        first = index * WIDTH << (tier * HEIGHT)
        if stored is None:
            self._health.note(Fault.NODE, first, f"tile {tier}/{index} of the tree is not there")
            return
        pairs = zip_longest(_apart(hashes), _apart(stored[1]))
        wrong = [place for place, (ours, kept) in enumerate(pairs) if ours != kept]
        if wrong:
            first = (index * WIDTH + wrong[0]) << (tier * HEIGHT)
        self._health.note(
            Fault.NODE,
            first,
            f"tile {tier}/{index} of the tree is not of its entries from {first} on: "
            "one of them was changed with its leaf, or the tile was",
        )


def _apart(hashes: bytes) -> list[bytes]:
    """Hashes that stand side by side, each by itself."""
    return [hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE)]
