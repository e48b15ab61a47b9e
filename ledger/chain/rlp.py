"""Recursive length prefix encoding of nested lists of bytes: what transactions, receipts and trie nodes are written in.

Reading is strict: trailing bytes, wrong lengths and non-minimal forms are refused. The ``rlp`` library is the oracle in
the tests.

Source: https://ethereum.org/en/developers/docs/data-structures-and-encoding/rlp/
"""

from typing import Any, TypeAlias

from ledger.errors import InvalidInput

Nested: TypeAlias = "bytes | list[Nested]"


def encode(value: Nested) -> bytes:
    """Encode bytes, or a list of what can be encoded."""
    if isinstance(value, bytes):
        if len(value) == 1 and value[0] < 0x80:
            return value
        return _prefix(len(value), 0x80) + value
    body = b"".join([encode(item) for item in value])
    return _prefix(len(body), 0xC0) + body


def integer(value: int) -> bytes:
    """An unsigned integer as RLP has it: big-endian without leading zeros; zero is empty."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def decode(encoded: bytes) -> Any:
    """Decode one value: bytes, or nested lists of bytes.

    Raises:
        InvalidInput: The encoding is not canonical, or something follows it.
    """
    value, end = _item(encoded, 0, len(encoded))
    if end != len(encoded):
        raise InvalidInput(f"{len(encoded) - end} bytes follow an RLP value")
    return value


def _prefix(size: int, offset: int) -> bytes:
    if size < 56:
        return bytes((offset + size,))
    length = integer(size)
    return bytes((offset + 55 + len(length),)) + length


def _item(data: bytes, start: int, end: int) -> tuple[Any, int]:
    if start >= end:
        raise InvalidInput("an RLP value ends too early")
    first = data[start]
    if first < 0x80:
        return data[start : start + 1], start + 1
    offset = 0x80 if first < 0xC0 else 0xC0
    size = first - offset
    body = start + 1
    if size > 55:
        width = size - 55
        length = data[body : body + width]
        size = int.from_bytes(length, "big")
        body += width
        if size < 56 or length[0] == 0:
            raise InvalidInput("an RLP length is not minimal")
    stop = body + size
    if stop > end:
        raise InvalidInput("an RLP value ends too early")
    if offset == 0x80:
        if size == 1 and data[body] < 0x80:
            raise InvalidInput("an RLP byte is not minimal")
        return data[body:stop], stop
    items = []
    while body < stop:
        item, body = _item(data, body, stop)
        items.append(item)
    return items, stop
