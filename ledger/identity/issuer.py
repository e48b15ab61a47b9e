"""The local issuer: the stand-in for an OAuth 2 authorization server where none is configured.

Its private key lies in one file under the data folder (mode 0600, made at first use, never overwritten). Whoever can
read that file can be anybody: it is for one machine, and the service says so aloud each time it starts with it.
"""

import json
import os
import secrets
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from ledger.domain.identifiers import to_hex
from ledger.errors import ConfigurationError, InvalidInput
from ledger.identity.principal import SCOPES_OF, Role, Scope

MOST_SECONDS: Final = 90 * 24 * 3600


class LocalIssuer:
    """Signs tokens with the key in one file.

    Args:
        path: The key file; made when missing.
        issuer: The ``iss`` of its tokens.
        audience: The ``aud`` of its tokens.

    Raises:
        ConfigurationError: The file cannot be read or does not hold an Ed25519 key.
    """

    def __init__(self, path: Path, *, issuer: str, audience: str) -> None:
        self._issuer = issuer
        self._audience = audience
        if not path.exists():
            _make_key(path)
        try:
            key = OKPKey.import_key(json.loads(path.read_text("utf-8")))
        except (OSError, JoseError, ValueError, TypeError) as problem:
            raise ConfigurationError(
                f"{path} does not hold the local issuer's key; restore it or remove it"
            ) from problem
        if not key.is_private or key.curve_name != "Ed25519":
            raise ConfigurationError(f"{path} does not hold a private Ed25519 key; restore it or remove it")
        self._key = key
        self._kid = key.thumbprint()

    @property
    def jwks(self) -> dict[str, Any]:
        """The public key, as a JWKS document."""
        public = self._key.as_dict(private=False)
        return {"keys": [{**public, "kid": self._kid, "alg": "EdDSA", "use": "sig"}]}

    def issue(self, role: Role, sub: bytes, *, now: int, seconds: int, scopes: Collection[Scope] | None = None) -> str:
        """A token.

        Args:
            role: What the caller is.
            sub: The caller's 32-byte id.
            now: Seconds UTC.
            seconds: How long it lasts, at most 90 days.
            scopes: What it allows; None: all that the role may hold.

        Raises:
            InvalidInput: A scope is not the role's, or the time is out of range.
        """
        if not 0 < seconds <= MOST_SECONDS:
            raise InvalidInput(f"a token lasts between 1 second and {MOST_SECONDS // 86400} days")
        allowed = SCOPES_OF[role]
        foreign = sorted(set(scopes or ()) - allowed)
        if foreign:
            raise InvalidInput(f"the role {role.value} cannot hold {', '.join(foreign)}; it can hold {_words(allowed)}")
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": to_hex(sub),
            "role": role.value,
            "scope": _words(allowed if scopes is None else scopes),
            "iat": now,
            "nbf": now,
            "exp": now + seconds,
            "jti": secrets.token_hex(16),
        }
        return jwt.encode({"alg": "EdDSA", "kid": self._kid, "typ": "at+jwt"}, claims, self._key, algorithms=["EdDSA"])


def _words(scopes: Collection[Scope]) -> str:
    return " ".join(sorted(scope.value for scope in scopes))


def _make_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(OKPKey.generate_key("Ed25519").as_dict(private=True), file)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: its key holds
            os.link(draft, path)
    finally:
        draft.unlink()
