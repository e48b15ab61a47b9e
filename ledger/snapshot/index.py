"""From a subject's id to its card: open addressing over one array of numbers, and the cards, a cache line each.

Python's own hash of the id (keyed by the process, so nobody can aim ids at one slot) chooses the slot; the id that
stands on the card decides. A table of millions lies in no cache: what a check costs there is how many lines of memory
it touches, so a card holds all that most checks read. They touch three lines: a slot, a card, the consent's id.

Invariants:

- A card shows its subject's first consent as the table was built, and never changes.
- ``plain`` says that this is all there is to know: the subject was enrolled then and nothing has changed since. It is
  only ever taken back, before the change is written, so it is right for every state that a reader may hold.
"""

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final

import numpy as np

from ledger.snapshot.columns import LINE, Array, on_lines

ID: Final = 32
CARD: Final = np.dtype(
    [
        ("id", np.uint64, 4),
        ("since", np.int64),
        ("until", np.int64),
        ("profile", np.uint32),
        ("version", np.uint32),
        ("plain", np.uint32),
        ("place", np.uint32),
    ]
)
_ID_ALONE: Final = np.dtype({"names": ["id"], "formats": [f"V{ID}"], "offsets": [0], "itemsize": CARD.itemsize})
"""A card of which nothing but the id is read: in one piece, as numpy chooses among rows of one value much faster."""
_AT_ONCE: Final = 1 << 17
Card = tuple[bytes, int, int, int, int, int, int]
"""As in ``CARD``."""
PLAIN: Final = 5
PLACE: Final = 6
_READ: Final = Struct("=32sqqIIII").unpack_from
_NOBODY: Final = 0xFFFF_FFFF


class Index:
    """Finds the card of an id.

    Args:
        cards: One a subject by place, from ``blank``; no id twice.
    """

    __slots__ = ("_bytes", "_mask", "_slots", "cards")

    def __init__(self, cards: Array) -> None:
        count = len(cards)
        size = 1 << (2 * count).bit_length()
        self.cards: Final = cards
        self._mask: Final = size - 1
        self._bytes: Final = cards.view(np.uint8).reshape(-1).data
        hashes = np.fromiter(map(hash, self._each()), np.int64, count)
        wanted = (hashes & self._mask).astype(np.uint32)
        del hashes
        members = np.argsort(wanted, kind="stable").astype(np.uint32)
        # In the order of the slots that they want, each takes its own or the next after the one before: as if they had
        # come one after the other, but for the end, which grows where that would have gone round to the beginning.
        row = np.arange(count)
        taken = wanted[members] - row
        np.maximum.accumulate(taken, out=taken)
        taken += row
        slots = np.full(max(size, int(taken[-1]) + 1 if count else 0) + 1, _NOBODY, np.uint32)
        slots[taken] = members
        self._slots: Final = slots.data

    @property
    def nbytes(self) -> int:
        """The bytes of the cards and the slots."""
        return self.cards.nbytes + self._slots.nbytes

    @staticmethod
    def blank(count: int) -> Array:
        """Cards to be filled in, numbered."""
        cards = on_lines(count, CARD)
        cards["place"] = np.arange(count)
        return cards

    def card(self, id: bytes) -> Card | None:
        """The card of an id; None where there is none."""
        slots, at = self._slots, hash(id) & self._mask
        while (place := slots[at]) != _NOBODY:
            card: Card = _READ(self._bytes, LINE * place)
            if card[0] == id:
                return card
            at += 1
        return None

    def find(self, id: bytes) -> int | None:
        """The place of an id; None where it is not there."""
        card = self.card(id)
        return None if card is None else card[PLACE]

    def find_all(self, ids: Sequence[bytes], packed: Array) -> Array:
        """The places of many ids; -1 where one is not there.

        Args:
            ids: Of 32 bytes each.
            packed: The same as numbers, four of 64 bits a row.
        """
        slots, held = np.asarray(self._slots), self.cards["id"]
        at = np.fromiter(map(hash, ids), np.int64, len(ids)) & self._mask
        found, open_ = np.full(len(ids), -1, np.int64), np.arange(len(ids))
        while len(open_):
            places = slots[at[open_]]
            open_, places = open_[places != _NOBODY], places[places != _NOBODY]
            same = (held[places] == packed[open_]).all(axis=1)
            found[open_[same]] = places[same]
            open_ = open_[~same]
            at[open_] += 1
        return found

    def id(self, place: int) -> bytes:
        """The id at a place."""
        return self._bytes[LINE * place : LINE * place + ID].tobytes()

    def ids(self, places: slice) -> Array:
        """The ids of a range of places, 32 bytes a row."""
        return np.ascontiguousarray(self.cards["id"][places]).view(np.uint8).reshape(-1, ID)

    def chosen(self, wanted: Array) -> Iterator[Array]:
        """The ids, 32 bytes each, of the places that ``wanted`` says yes to, in their order and in parts.

        Args:
            wanted: A yes or no (bool) for each place.
        """
        held = self.cards.view(_ID_ALONE)["id"]
        for first in range(0, len(held), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            yield held[part][wanted[part]]

    def change(self, place: int) -> None:
        """Say, before it is, that what is known of a subject changes."""
        self.cards["plain"][place] = 0

    def _each(self) -> Iterator[bytes]:
        return map(self.id, range(len(self.cards)))


class PackedIds:
    """The ids by place as if they were bytes, one after the other (``transparency.register.Ids``).

    Args:
        index: Where they are.
    """

    def __init__(self, index: Index) -> None:
        self._index: Final = index

    def __len__(self) -> int:
        return ID * len(self._index.cards)

    def __getitem__(self, part: slice, /) -> bytes:
        return self._index.ids(slice(part.start // ID, part.stop // ID)).tobytes()
