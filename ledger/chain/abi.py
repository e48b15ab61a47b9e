"""Packing and unpacking of Solidity ABI words by hand, for the hot paths.

A tuple is a head of 32-byte words followed by the tails of its dynamic fields, each pointed at from the head by its
offset. Everything written here equals ``eth_abi`` byte for byte (the tests hold it to that); reading is strict: an
offset or length that points outside the data raises.

Source: https://docs.soliditylang.org/en/latest/abi-spec.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ledger.errors import InvalidInput, MirrorDiverged

WORD = 32
_ZEROS = bytes(WORD)


@dataclass(frozen=True, slots=True)
class Tail:
    """An encoded dynamic value, to stand behind the head that points at it."""

    data: bytes


def uint(value: int, bits: int) -> bytes:
    """An unsigned integer of ``bits`` bits as one word.

    Raises:
        InvalidInput: It is negative or wider. The contract would revert the whole transaction for it.
    """
    if value >> bits:
        raise InvalidInput(f"{value} does not fit {bits} unsigned bits")
    return value.to_bytes(WORD, "big")


def uints(values: Iterable[int], widths: Iterable[int]) -> bytes:
    """Unsigned integers of these widths (bits) as consecutive words.

    Raises:
        InvalidInput: One is negative or wider than its width.
    """
    return b"".join([uint(value, bits) for value, bits in zip(values, widths, strict=True)])


def packed(*fields: tuple[int, int]) -> bytes:
    """Unsigned integers side by side in one word, from the lowest bit: each a value and its width in bits.

    Raises:
        InvalidInput: One is negative or wider than its width.
    """
    word = place = 0
    for value, bits in fields:
        if value >> bits:
            raise InvalidInput(f"{value} does not fit {bits} unsigned bits")
        word |= value << place
        place += bits
    return word.to_bytes(WORD, "big")


def fixed(value: bytes) -> bytes:
    """A ``bytes32``.

    Raises:
        InvalidInput: It has another length.
    """
    if len(value) != WORD:
        raise InvalidInput(f"a hash or id has 32 bytes, not {len(value)}")
    return value


def address(value: bytes) -> bytes:
    """An ``address``, left-padded to a word.

    Raises:
        InvalidInput: It has not 20 bytes.
    """
    if len(value) != 20:
        raise InvalidInput(f"an address has 20 bytes, not {len(value)}")
    return _ZEROS[:12] + value


def dynamic(value: bytes) -> Tail:
    """A ``bytes`` value: length, content, padding to whole words."""
    return Tail(len(value).to_bytes(WORD, "big") + value + _ZEROS[: -len(value) % WORD])


def text(value: str) -> Tail:
    """A ``string``: the UTF-8 bytes as ``bytes``."""
    return dynamic(value.encode())


def pack(*parts: bytes | Tail) -> bytes:
    """A tuple: static parts (whole words) and tails, in the order of the fields."""
    head = sum(WORD if isinstance(part, Tail) else len(part) for part in parts)
    heads: list[bytes] = []
    tails: list[bytes] = []
    for part in parts:
        if isinstance(part, Tail):
            heads.append(head.to_bytes(WORD, "big"))
            tails.append(part.data)
            head += len(part.data)
        else:
            heads.append(part)
    return b"".join(heads) + b"".join(tails)


def array_of_static(items: Sequence[bytes]) -> Tail:
    """A dynamic array of static elements (whole words each)."""
    return Tail(len(items).to_bytes(WORD, "big") + b"".join(items))


def array_of_dynamic(items: Sequence[bytes]) -> Tail:
    """A dynamic array of encoded dynamic elements (tuples, strings, arrays)."""
    places = accumulate(map(len, items[:-1]), initial=WORD * len(items)) if items else ()
    heads = [place.to_bytes(WORD, "big") for place in places]
    return Tail(b"".join((len(items).to_bytes(WORD, "big"), *heads, *items)))


class Words:
    """Reads the words of one encoded tuple.

    Args:
        data: The encoding; offsets count from its first byte.

    Every method raises MirrorDiverged when the data does not hold what is asked for: what we read comes from contracts
    of ours, so a malformed encoding means that something else stands there.
    """

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def fixed(self, place: int) -> bytes:
        """The word at a place (counted in words) as 32 bytes."""
        start = place * WORD
        value = self.data[start : start + WORD]
        if len(value) != WORD:
            raise MirrorDiverged(f"an event's data ends before its word {place}; is this our contract?")
        return value

    def uint(self, place: int, bits: int) -> int:
        """The word at a place as an unsigned integer of at most ``bits`` bits."""
        value = int.from_bytes(self.fixed(place), "big")
        if value >> bits:
            raise MirrorDiverged(f"word {place} of an event's data does not fit {bits} bits; is this our contract?")
        return value

    def boolean(self, place: int) -> bool:
        """The word at a place as a boolean."""
        return bool(self.uint(place, 1))

    def dynamic(self, place: int) -> bytes:
        """The ``bytes`` value that the word at a place points at."""
        start = self.uint(place, 32)
        size = int.from_bytes(self.data[start : start + WORD], "big")
        value = self.data[start + WORD : start + WORD + size]
        if start % WORD or start + WORD > len(self.data) or len(value) != size:
            raise MirrorDiverged(f"word {place} of an event's data points outside it; is this our contract?")
        return value

    def text(self, place: int) -> str:
        """The ``string`` that the word at a place points at.

        A string on the chain need not be UTF-8: the contract does not look. What is not becomes U+FFFD, so that a
        hostile name cannot stop the mirror; the raw log keeps the bytes.
        """
        return self.dynamic(place).decode("utf-8", errors="replace")

    def inner(self, place: int) -> "Words":
        """A reader of what the word at a place points at."""
        start = self.uint(place, 32)
        if start % WORD or start > len(self.data):
            raise MirrorDiverged(f"word {place} of an event's data points outside it; is this our contract?")
        return Words(self.data[start:])

    def uint_arrays(self, place: int, bits: int) -> tuple[tuple[int, ...], ...]:
        """The array of arrays of unsigned integers that the word at a place points at."""
        outer = self.inner(place)
        count = outer.uint(0, 32)
        body = Words(outer.data[WORD:])
        arrays: list[tuple[int, ...]] = []
        for number in range(count):
            array = body.inner(number)
            size = array.uint(0, 32)
            arrays.append(tuple([array.uint(1 + item, bits) for item in range(size)]))
        return tuple(arrays)
