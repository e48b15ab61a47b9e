"""Where the issuer's public keys come from: the local issuer's file, or a JWKS address.

Invariants: only public signature keys of the pinned algorithms are held; a key without an id is not used; when keys
cannot be had, nobody is let in.

Source: https://www.rfc-editor.org/rfc/rfc7517
"""

import json
import threading
from collections.abc import Mapping
from typing import Any, Final, Protocol

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from ledger.errors import ConfigurationError, NotReady
from ledger.ports import Clock

PublicKey = OKPKey | ECKey
MOST_JWKS_BYTES: Final = 1 << 20

# Each algorithm has one type of key; a key of another type is never tried with it.
KEY_OF: Final[dict[str, tuple[str, str]]] = {"EdDSA": ("OKP", "Ed25519"), "ES256": ("EC", "P-256")}


class TokenKeys(Protocol):
    """The keys of one issuer."""

    def key(self, kid: str) -> PublicKey | None:
        """The key with this id; None when the issuer has none. NotReady when the keys cannot be had."""
        ...


class FixedKeys:
    """Keys that are known from the start.

    Args:
        document: A JWKS document.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._keys = read_jwks(document)

    def key(self, kid: str) -> PublicKey | None:
        """The key with this id."""
        return self._keys.get(kid)


class FetchedKeys:
    """Keys behind an address; asked again for an unknown id or when old, but never more often than allowed.

    Args:
        url: The JWKS address (https, or http on this machine).
        clock: The time.
        client: The HTTP client.
        fresh_seconds: Keys older than this are asked for again, so that a key taken back ends.
        stale_seconds: Keys older than this are not used: the issuer has been away for too long.
        pause_seconds: Shortest time between two questions, so that invented ids cannot make us flood the issuer.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        client: httpx.Client,
        *,
        fresh_seconds: int = 300,
        stale_seconds: int = 3600,
        pause_seconds: int = 30,
    ) -> None:
        self._url = url
        self._clock = clock
        self._client = client
        self._fresh, self._stale, self._pause = fresh_seconds, stale_seconds, pause_seconds
        self._keys: dict[str, PublicKey] = {}
        self._read_at: int | None = None
        self._asked_at: int | None = None
        self._problem = "they were never fetched"
        self._lock = threading.Lock()

    def key(self, kid: str) -> PublicKey | None:
        """The key with this id.

        Raises:
            NotReady: The keys cannot be fetched, and those at hand are too old or none.
        """
        now = self._clock.now()
        with self._lock:
            old = self._read_at is None or now - self._read_at >= self._fresh
            may_ask = self._asked_at is None or now - self._asked_at >= self._pause
            if (old or kid not in self._keys) and may_ask:
                self._ask(now)
            if self._read_at is None or now - self._read_at >= self._stale:
                raise NotReady(f"tokens cannot be checked, as the issuer's keys cannot be had: {self._problem}")
            return self._keys.get(kid)

    def _ask(self, now: int) -> None:
        self._asked_at = now
        try:
            self._keys = read_jwks(self._fetch())
        except (httpx.HTTPError, ValueError, ConfigurationError) as problem:
            self._problem = str(problem) or type(problem).__name__
        else:
            self._read_at = now

    def _fetch(self) -> Any:
        body = bytearray()
        with self._client.stream("GET", self._url, headers={"Accept": "application/json"}) as response:
            response.raise_for_status()
            for part in response.iter_bytes():
                body += part
                if len(body) > MOST_JWKS_BYTES:
                    raise ConfigurationError(f"the key document is larger than {MOST_JWKS_BYTES} bytes")
        return json.loads(body)


def read_jwks(document: Any) -> dict[str, PublicKey]:
    """The usable keys of a JWKS document, by id.

    Keys of other types, for other uses, or without an id are passed over (RFC 7517 section 5).

    Raises:
        ConfigurationError: It is not a JWKS document, a key is malformed, or it holds a private key.
    """
    members = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise ConfigurationError('the key document is not a JWKS: it needs a list of objects under "keys"')
    keys: dict[str, PublicKey] = {}
    for member in members:
        kid = member.get("kid")
        kind = (member.get("kty"), member.get("crv"))
        if kind not in KEY_OF.values() or not isinstance(kid, str) or member.get("use", "sig") != "sig":
            continue
        if "d" in member:
            raise ConfigurationError("the key document holds a private key; publish public keys alone")
        try:
            keys[kid] = OKPKey.import_key(member) if kind[0] == "OKP" else ECKey.import_key(member)
        except (JoseError, ValueError, TypeError) as problem:
            raise ConfigurationError(f"the key {kid!r} of the key document is malformed: {problem}") from problem
    return keys
