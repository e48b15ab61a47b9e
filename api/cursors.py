"""Cursors of pages: where the next page starts, sealed, so that a caller can only hand back what was given out.

Invariants: a cursor is of use to the caller and for the search that it was given out for, and says nothing to whoever
reads it; it stays valid over a restart.

Source: https://www.rfc-editor.org/rfc/rfc2104 (HMAC)
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final

from ledger.errors import InvalidInput

_SEAL: Final = 16
_REFUSED: Final = "cursor is not one that was given out for this search; start again without it"


class Cursors:
    """Seals and opens cursors.

    Args:
        secret: 32 bytes that nobody else knows.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret: Final = secret

    def give(self, place: bytes, search: bytes) -> str:
        """The cursor of a place (any bytes) within a search, which names the caller too."""
        seal = self._seal(place, search)
        return urlsafe_b64encode(seal + self._veiled(place, seal)).rstrip(b"=").decode()

    def read(self, cursor: str, search: bytes) -> bytes:
        """The place that a cursor stands for.

        Raises:
            InvalidInput: It was not given out for this search.
        """
        try:
            data = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except ValueError as problem:
            raise InvalidInput(_REFUSED) from problem
        seal, place = data[:_SEAL], self._veiled(data[_SEAL:], data[:_SEAL])
        if not hmac.compare_digest(seal, self._seal(place, search)) or self.give(place, search) != cursor:
            raise InvalidInput(_REFUSED)
        return place

    def _seal(self, place: bytes, search: bytes) -> bytes:
        return hmac.digest(self._secret, sha256(search).digest() + place, sha256)[:_SEAL]

    def _veiled(self, place: bytes, seal: bytes) -> bytes:
        """A place under a key stream that follows from its seal: the same call takes it off again."""
        blocks = -(-len(place) // 32)
        stream = b"".join(hmac.digest(self._secret, b"veil" + bytes([n]) + seal, sha256) for n in range(blocks))
        return bytes(a ^ b for a, b in zip(place, stream, strict=False))
