"""Idempotency-Key: the same request again gets the same answer, and does nothing again.

Two layers. Answers of the last requests are kept in memory, by caller, address and key. And whatever the service makes
up for a request with a key (a new id) follows from the key under a secret, so that a repetition after a restart meets
the same id and is refused as a replay: never done twice, even when the answer is forgotten.

Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fastapi import Response

from ledger.errors import Conflict, InvalidInput, Replayed

MOST_KEY: Final = 128
_MOST_ANSWERS: Final = 4096
_MOST_BYTES: Final = 1 << 20  # of one answer
_MOST_BYTES_IN_ALL: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class _Answer:
    request: bytes
    response: Response | None


class Answers:
    """The answers of the last requests that carried a key.

    Args:
        secret: 32 bytes that made-up ids follow from.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._held: OrderedDict[bytes, _Answer] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def begin(self, place: bytes, request: bytes) -> Response | None:
        """Start on a request.

        Args:
            place: Caller, address and key (see ``place_of``).
            request: What identifies the request's content.

        Returns:
            The answer that was given before; None: go on, then ``keep`` or ``drop``.

        Raises:
            Replayed: The key came with another request before.
            Conflict: The first request with this key is still being worked on.
        """
        with self._lock:
            held = self._held.get(place)
            if held is None:
                self._held[place] = _Answer(request, None)
                self._trim()
                return None
            if held.request != request:
                raise Replayed("this Idempotency-Key came with another request before; use a new key for a new request")
            if held.response is None:
                raise Conflict("the first request with this Idempotency-Key is still being worked on; ask again soon")
            self._held.move_to_end(place)
            return held.response

    def keep(self, place: bytes, response: Response) -> None:
        """Remember an answer; one that is too large, or no success, is not worth it."""
        body = getattr(response, "body", b"")
        if response.status_code >= 300 or len(body) > _MOST_BYTES:
            self.drop(place)
            return
        with self._lock:
            held = self._held.get(place)
            if held is not None and held.response is None:
                self._held[place] = _Answer(held.request, response)
                self._bytes += len(body)
                self._trim()

    def drop(self, place: bytes) -> None:
        """Forget a request that failed, so that it can be tried again."""
        with self._lock:
            self._forget(place)

    def maker(self, place: bytes) -> Callable[[int], bytes]:
        """Makes ids (32 bytes) that follow from the key: the same number gives the same id, and nobody can guess it."""
        return lambda number: hmac.digest(self._secret, place + number.to_bytes(4), hashlib.sha256)

    def _trim(self) -> None:
        """Forget the oldest answers while there are too many; requests under way stay."""
        while len(self._held) > _MOST_ANSWERS or self._bytes > _MOST_BYTES_IN_ALL:
            done = next((place for place, held in self._held.items() if held.response is not None), None)
            if done is None:
                return
            self._forget(done)

    def _forget(self, place: bytes) -> None:
        held = self._held.pop(place, None)
        if held is not None and held.response is not None:
            self._bytes -= len(held.response.body)


def place_of(actor: str, path: str, key: str) -> bytes:
    """Where an answer is kept: 32 bytes over caller, address and key.

    Raises:
        InvalidInput: The key is not 1 to 128 visible ASCII characters.
    """
    if not 0 < len(key) <= MOST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInput(f"Idempotency-Key must be 1 to {MOST_KEY} visible ASCII characters")
    return hashlib.sha256(f"{actor}\n{path}\n{key}".encode()).digest()
