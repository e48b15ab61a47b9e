"""Checking OAuth 2 bearer tokens: JWTs of one issuer, for this service, in their time, by a pinned algorithm.

Invariants: the algorithm comes from our configuration, never from the token (so "none", an HMAC with a public key and
every other confusion end here); the key is found by its id alone; a claim that is missing or of another type is a
refusal, not a default; what a token says of itself is in no log and in no message.

Source: https://www.rfc-editor.org/rfc/rfc8725 and rfc9068
"""

import hashlib
import warnings
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from ledger.domain.identifiers import parse_id
from ledger.errors import InvalidInput, Unauthenticated
from ledger.identity.keys import KEY_OF, PublicKey, TokenKeys
from ledger.identity.principal import SCOPES_OF, Principal, Role, Scope
from ledger.ports import Clock
from ledger.transparency.encoding import from_base64url

# RFC 9864 renames "EdDSA" to "Ed25519" for new designs; issuers still write the old name, and ours does too.
warnings.filterwarnings("ignore", message="EdDSA is deprecated via RFC 9864")

MOST_TOKEN_CHARACTERS: Final = 8192
MOST_BRACKETS: Final = 8
MOST_REMEMBERED: Final = 4096
_TYPES: Final = frozenset({"JWT", "jwt", "at+jwt", "application/at+jwt"})
_ROLES: Final = {role.value: role for role in Role}
_HEADER: Final = msgspec.json.Decoder(dict[str, Any])


class TokenChecker:
    """Turns a bearer token into a principal.

    Args:
        keys: The issuer's keys.
        issuer: The ``iss`` that tokens must carry.
        audience: The value that must be in their ``aud``.
        clock: The time.
        algorithms: The signature algorithms accepted.
        leeway: Seconds by which the issuer's clock may differ from ours.
        remember: Seconds for which a token that was checked is not checked again (its expiry always is): the signature
            check is most of what a short request costs. A key that the issuer takes back ends that much later.
    """

    def __init__(
        self,
        keys: TokenKeys,
        *,
        issuer: str,
        audience: str,
        clock: Clock,
        algorithms: tuple[str, ...] = ("EdDSA",),
        leeway: int = 30,
        remember: int = 30,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._algorithms = algorithms
        self._leeway = leeway
        self._remember = remember
        self._known: dict[bytes, tuple[Principal, int]] = {}
        self._registry = JWSRegistry(algorithms=list(algorithms), strict_check_header=False)

    def check(self, token: str) -> Principal:
        """The caller that a token proves.

        Raises:
            Unauthenticated: The token is malformed, of another issuer or audience, out of its time, signed by another
                key or algorithm, or says nothing that this service understands.
            NotReady: The issuer's keys cannot be had.
        """
        written = token.encode("utf-8", "surrogatepass")
        who = self.remembered(written)
        if who is not None:
            return who
        now = self._clock.now()
        who = self._check(token)
        if len(self._known) >= MOST_REMEMBERED:
            self._known = {}
        self._known[digest_of(written)] = (who, now + self._remember)
        return who

    def remembered(self, token: bytes) -> Principal | None:
        """The caller of a token that was checked within the last ``remember`` seconds and has not expired since.

        Takes microseconds and asks nobody. None says nothing about the token: ``check`` it.
        """
        return self.known(digest_of(token))

    def known(self, digest: bytes) -> Principal | None:
        """As ``remembered``, by the token's digest: whoever sends a token again and again has it made once."""
        now = self._clock.now()
        who, until = self._known.get(digest, (None, 0))
        return who if who is not None and now < until and now < who.expires + self._leeway else None

    def _check(self, token: str) -> Principal:
        header = self._header(token)
        kid, algorithm = header.get("kid"), header.get("alg")
        if algorithm not in self._algorithms:
            raise Unauthenticated(f"the token is not signed with {' or '.join(self._algorithms)}")
        if not isinstance(kid, str):
            raise Unauthenticated("the token does not name the key (kid) that signed it")
        if header.get("typ", "JWT") not in _TYPES:
            raise Unauthenticated("the token is a signed document of another kind, not an access token")
        key = self._keys.key(kid)
        if key is None:
            raise Unauthenticated("the token is signed with a key that the issuer does not publish")
        return self._principal(self._claims(token, key, algorithm))

    def _header(self, token: str) -> Mapping[str, Any]:
        parts = token.split(".") if len(token) <= MOST_TOKEN_CHARACTERS else []
        if len(parts) != 3:
            raise Unauthenticated("the token is not a signed JWT")
        try:
            header = from_base64url(parts[0])
            # A header is flat. Nesting is refused unread: parsers follow it as deep as the process's limit allows.
            flat = header.count(b"{") + header.count(b"[") <= MOST_BRACKETS
            return _HEADER.decode(header if flat else b"")
        except (InvalidInput, msgspec.MsgspecError) as problem:
            raise Unauthenticated("the token is not a signed JWT") from problem

    def _claims(self, token: str, key: PublicKey, algorithm: str) -> dict[str, Any]:
        if (key.key_type, key.curve_name) != KEY_OF[algorithm]:
            raise Unauthenticated("the token names a key of another type than its algorithm")
        try:
            verified = jwt.decode(token, key, registry=self._registry)
        except (JoseError, ValueError, TypeError) as problem:
            raise Unauthenticated("the token's signature does not hold") from problem
        registry = JWTClaimsRegistry(
            now=self._clock.now(),
            leeway=self._leeway,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            registry.validate(verified.claims)
        except JoseError as problem:
            raise Unauthenticated(f"the token does not hold: {_reason(problem)}; get a new one") from problem
        return verified.claims

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        word, words = claims.get("role"), claims.get("scope", "")
        role = _ROLES.get(word) if isinstance(word, str) else None
        if role is None or not isinstance(words, str):
            raise Unauthenticated("the token must say one of our roles, and its scopes as one string")
        try:
            who = parse_id(claims["sub"], what="sub")
        except InvalidInput as problem:
            raise Unauthenticated(f"the token does not say who it is for: {problem}") from problem
        known = set(Scope)
        claimed = frozenset(Scope(word) for word in words.split() if word in known)
        return Principal(role, who, claimed & SCOPES_OF[role], int(claims["exp"]))


def digest_of(token: bytes) -> bytes:
    """What a token is remembered by."""
    return hashlib.sha256(token).digest()


def _reason(problem: JoseError) -> str:
    """What is wrong, in our words: which claim, never its value."""
    claim = getattr(problem, "claim", "") or ""
    reasons = {
        "iss": "it is of another issuer",
        "aud": "it is for another audience",
        "exp": "it has expired, or does not say when it does",
        "nbf": "its time has not come",
        "iat": "it was issued in the future",
        "sub": "it does not say who it is for",
    }
    return reasons.get(claim, "a claim is missing or malformed")
