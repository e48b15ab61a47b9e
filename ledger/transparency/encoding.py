"""Text forms of bytes, read strictly: one value has one text, and everything else is refused.

Python's own base64 and hex readers skip characters, take missing padding and ignore loose bits; a signed text that is
read so could be changed without the change being seen.

Source: https://www.rfc-editor.org/rfc/rfc4648 (sections 4, 5 and 3.5)
"""

from base64 import b64decode, b64encode, urlsafe_b64decode
from binascii import Error as Base64Error
from binascii import b2a_base64
from typing import Final

from ledger.errors import InvalidInput

_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def to_base64(data: bytes) -> str:
    """Standard base64 with padding."""
    return b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes of standard base64 with padding.

    Raises:
        InvalidInput: The text is not what ``to_base64`` writes.
    """
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise InvalidInput(f"not base64: {error}") from error
    if to_base64(data) != text:
        raise InvalidInput("not base64 in its one canonical form")
    return data


def to_base64url(data: bytes) -> str:
    """URL-safe base64 without padding, as JOSE writes it."""
    return base64url(data).decode("ascii")


def base64url(data: bytes) -> bytes:
    """As ``to_base64url``, in ASCII."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")


def from_base64url(text: str) -> bytes:
    """The bytes of URL-safe base64 without padding.

    Raises:
        InvalidInput: The text is not what ``to_base64url`` writes.
    """
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError) as error:
        raise InvalidInput(f"not base64url: {error}") from error
    if to_base64url(data) != text:
        raise InvalidInput("not base64url in its one canonical form, without padding")
    return data


def to_hex(data: bytes) -> str:
    """Lower-case hex with 0x in front, as JSON carries ids and hashes."""
    return "0x" + data.hex()


def from_hex(text: str, size: int = 32) -> bytes:
    """The ``size`` bytes of lower-case hex with 0x in front.

    Raises:
        InvalidInput: The text is not what ``to_hex`` writes for ``size`` bytes.
    """
    try:
        data = bytes.fromhex(text[2:])
    except ValueError as error:
        raise InvalidInput(f"not hex: {error}") from error
    if len(data) != size or to_hex(data) != text:
        raise InvalidInput(f"not {size} bytes as 0x and {2 * size} lower-case hex digits")
    return data
