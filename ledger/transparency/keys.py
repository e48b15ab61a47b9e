"""Ed25519 keys of receipts, and their JWKS document.

Invariants:

- A key's ``kid`` is its RFC 7638 thumbprint: it follows from the key, so nobody can publish another key under it.
- Old public keys stay in a ``KeySet``: receipts must keep verifying after a rotation. A retired key has an end, and
  what names a later instant was not signed by the ledger; a compromised one has the instant from which whoever stole
  it may have signed.

A thief can write any instant, so of a compromised key no receipt proves anything by itself; it does together with an
anchor of before, which ``consentry verify`` checks in a bundle.

Source: https://www.rfc-editor.org/rfc/rfc7517, rfc7638 and rfc8037; the members ``exp`` and ``revoked`` are those of
https://openid.net/specs/openid-federation-1_0.html#name-federation-historical-keys-
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl.bindings import crypto_sign

from ledger.errors import InvalidInput, ProofInvalid
from ledger.transparency.canonical import Json, encode
from ledger.transparency.encoding import from_base64url, to_base64url


def thumbprint(public: Ed25519PublicKey) -> str:
    """The key's id: base64url(SHA-256(canonical JWK of its required members)), RFC 7638 and RFC 8037 appendix A.3."""
    return to_base64url(sha256(encode(_jwk(public))).digest())


@dataclass(frozen=True, slots=True)
class Ending:
    """How a key's time ended: instants in seconds UTC.

    Attributes:
        exp: The last instant that it signed for; None: it still signs.
        revoked_at: From when on it was in other hands; None: it never was.
    """

    exp: int | None = None
    revoked_at: int | None = None


SIGNATURE_BYTES: Final = 64
_CURRENT: Final = Ending()
_NONE: Final[Mapping[str, Ending]] = {}


class SigningKey:
    """A private key with the id that its receipts carry.

    It signs with libsodium, which takes two thirds of the time of OpenSSL for the same bytes (RFC 8032 leaves no
    choice in them); everything else about keys is done by ``cryptography``.

    Args:
        private: The Ed25519 key, as a value; where it is kept is the caller's affair.
    """

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self.public: Final = private.public_key()
        self._secret: Final = private.private_bytes_raw() + self.public.public_bytes_raw()  # as libsodium holds it
        self.kid: Final = thumbprint(self.public)

    def sign(self, message: bytes) -> bytes:
        """The signature of ``message``, 64 bytes."""
        return crypto_sign(message, self._secret)[:SIGNATURE_BYTES]


class KeySet:
    """The public keys that receipts are checked against.

    Args:
        keys: Ed25519 public keys, current and former.
        endings: Of keys that do not sign any more, by ``kid``.
    """

    def __init__(self, keys: Iterable[Ed25519PublicKey], endings: Mapping[str, Ending] = _NONE) -> None:
        self._keys: Final = {thumbprint(key): key for key in keys}
        self._endings: Final = {kid: ending for kid, ending in endings.items() if kid in self._keys}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, kid: object) -> bool:
        return kid in self._keys

    @property
    def kids(self) -> tuple[str, ...]:
        """The ids of the keys, in their order."""
        return tuple(self._keys)

    @classmethod
    def from_jwks(cls, document: Mapping[str, object]) -> "KeySet":
        """The Ed25519 keys of a JWKS document; keys of other types are passed over (RFC 7517 section 5).

        Raises:
            InvalidInput: Not a JWKS document, a malformed key, a private key, or a ``kid`` that is no thumbprint.
        """
        members = document.get("keys")
        if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
            raise InvalidInput('not a JWKS document: it needs a list of objects under "keys"')
        known = [member for member in members if member.get("crv") == "Ed25519"]
        keys = [_read_jwk(member) for member in known]
        endings = {thumbprint(key): _read_ending(member) for key, member in zip(keys, known, strict=True)}
        return cls(keys, {kid: ending for kid, ending in endings.items() if ending != _CURRENT})

    @cached_property
    def jwks(self) -> dict[str, Json]:
        """The JWKS document of these keys, for anybody to read."""
        extra: dict[str, Json] = {"alg": "EdDSA", "use": "sig"}
        return {
            "keys": [
                {**_jwk(key), **extra, "kid": kid, **_ending_json(self.ending(kid))} for kid, key in self._keys.items()
            ]
        }

    def ending(self, kid: str) -> Ending:
        """How the key's time ended, if it did."""
        return self._endings.get(kid, _CURRENT)

    def check_instant(self, kid: str, at: int) -> None:
        """Checks that the key signed for the ledger at an instant.

        Args:
            kid: The key that a signature was checked with.
            at: The instant that the signed document names, seconds UTC.

        Raises:
            ProofInvalid: The key was retired, or in other hands, by then.
        """
        ending = self.ending(kid)
        if ending.revoked_at is not None and at >= ending.revoked_at:
            raise ProofInvalid(
                f"signed for {at} with the key {kid!r}, which was in other hands from {ending.revoked_at}"
            )
        if ending.exp is not None and at > ending.exp:
            raise ProofInvalid(f"signed for {at} with the key {kid!r}, which was retired at {ending.exp}")

    def verify(self, kid: str, signature: bytes, message: bytes) -> None:
        """Checks a signature by the key ``kid``.

        Raises:
            ProofInvalid: The key is not in the set, or the signature does not verify.
        """
        key = self._keys.get(kid)
        if key is None:
            raise ProofInvalid(f"signed with the key {kid!r}, which is not among the {len(self)} trusted keys")
        try:
            key.verify(signature, message)
        except InvalidSignature as error:
            raise ProofInvalid(f"the signature does not verify with the key {kid!r}") from error


def _ending_json(ending: Ending) -> dict[str, Json]:
    written: dict[str, Json] = {}
    if ending.exp is not None:
        written["exp"] = ending.exp
    if ending.revoked_at is not None:
        written["revoked"] = {"revoked_at": ending.revoked_at, "reason": "compromised"}
    return written


def _read_ending(member: Mapping[str, object]) -> Ending:
    exp, revoked = member.get("exp"), member.get("revoked")
    revoked_at = revoked.get("revoked_at") if isinstance(revoked, Mapping) else revoked
    for instant in (exp, revoked_at):
        if instant is not None and (not isinstance(instant, int) or isinstance(instant, bool) or instant < 0):
            raise InvalidInput("a JWK's exp and revoked_at are whole seconds UTC; get the key document again")
    return Ending(exp, revoked_at)  # type: ignore[arg-type] # the loop saw that they are


def _jwk(public: Ed25519PublicKey) -> dict[str, Json]:
    return {"crv": "Ed25519", "kty": "OKP", "x": to_base64url(public.public_bytes_raw())}


def _read_jwk(member: Mapping[str, object]) -> Ed25519PublicKey:
    x = member.get("x")
    if "d" in member or member.get("kty") != "OKP" or not isinstance(x, str):
        raise InvalidInput("a JWK is malformed, or holds a private key: publish public Ed25519 keys alone")
    data = from_base64url(x)
    if len(data) != 32:
        raise InvalidInput("an Ed25519 public key is 32 bytes")
    key = Ed25519PublicKey.from_public_bytes(data)
    if member.get("kid", thumbprint(key)) != thumbprint(key):
        raise InvalidInput("a JWK's kid is not its RFC 7638 thumbprint: the key or the id was changed")
    return key
