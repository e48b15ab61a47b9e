"""Identifiers: 32 random bytes, written as 0x and 64 lower-case hex digits.

Subjects, consents, institutions, studies, engines and logs all use this one form. An identifier is never derived from
an identity. A log's id is its institution's id.
"""

import re

from ledger.errors import InvalidInput

ID_BYTES = 32
_HEX = re.compile(r"0x[0-9a-f]{64}\Z")
_BYTES = re.compile(r"0x(?:[0-9a-f]{2})*\Z")


def parse_id(text: str, *, what: str = "id") -> bytes:
    """Read an identifier.

    Args:
        text: ``0x`` and 64 lower-case hex digits.
        what: The field's name, for the message.

    Returns:
        The 32 bytes.

    Raises:
        InvalidInput: The text has another form, or is all zeros (zero stands for "none" on the chain).
    """
    if not isinstance(text, str) or not _HEX.match(text):
        raise InvalidInput(f"{what} must be 0x and 64 lower-case hex digits")
    value = bytes.fromhex(text[2:])
    if not any(value):
        raise InvalidInput(f"{what} must not be zero")
    return value


def parse_bytes(text: str, *, what: str = "value", size: int | None = None, at_most: int = 4096) -> bytes:
    """Read 0x-prefixed lower-case hex of any even length.

    Args:
        text: The text.
        what: The field's name, for the message.
        size: The exact number of bytes, where it is fixed.
        at_most: The largest number of bytes accepted.

    Raises:
        InvalidInput: The text has another form or length.
    """
    if not isinstance(text, str) or not _BYTES.match(text):
        raise InvalidInput(f"{what} must be 0x and an even number of lower-case hex digits")
    value = bytes.fromhex(text[2:])
    if size is not None and len(value) != size:
        raise InvalidInput(f"{what} must have {size} bytes, not {len(value)}")
    if len(value) > at_most:
        raise InvalidInput(f"{what} has {len(value)} bytes; at most {at_most} are accepted")
    return value


def to_hex(value: bytes) -> str:
    """The JSON form of any bytes: ``0x`` and lower-case hex."""
    return "0x" + value.hex()
