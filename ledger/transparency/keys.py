"""Ed25519 keys of receipts, and their JWKS document.

Invariants:

- A key's ``kid`` is its RFC 7638 thumbprint: it follows from the key, so nobody can publish another key under it.
- Old public keys stay in a ``KeySet``: receipts must keep verifying after a rotation.

Source: https://www.rfc-editor.org/rfc/rfc7517, rfc7638 and rfc8037
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import InvalidInput, ProofInvalid
from ledger.transparency.canonical import Json, encode
from ledger.transparency.encoding import from_base64url, to_base64url


def thumbprint(public: Ed25519PublicKey) -> str:
    """The key's id: base64url(SHA-256(canonical JWK of its required members)), RFC 7638 and RFC 8037 appendix A.3."""
    return to_base64url(sha256(encode(_jwk(public))).digest())


class SigningKey:
    """A private key with the id that its receipts carry.

    Args:
        private: The Ed25519 key, as a value; where it is kept is the caller's affair.
    """

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private: Final = private
        self.public: Final = private.public_key()
        self.kid: Final = thumbprint(self.public)

    def sign(self, message: bytes) -> bytes:
        """The signature of ``message``, 64 bytes."""
        return self._private.sign(message)


class KeySet:
    """The public keys that receipts are checked against.

    Args:
        keys: Ed25519 public keys, current and former.
    """

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self._keys: Final = {thumbprint(key): key for key in keys}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, kid: object) -> bool:
        return kid in self._keys

    @classmethod
    def from_jwks(cls, document: Mapping[str, object]) -> "KeySet":
        """The Ed25519 keys of a JWKS document; keys of other types are passed over (RFC 7517 section 5).

        Raises:
            InvalidInput: Not a JWKS document, a malformed key, a private key, or a ``kid`` that is no thumbprint.
        """
        members = document.get("keys")
        if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
            raise InvalidInput('not a JWKS document: it needs a list of objects under "keys"')
        return cls(_read_jwk(member) for member in members if member.get("crv") == "Ed25519")

    @cached_property
    def jwks(self) -> dict[str, Json]:
        """The JWKS document of these keys, for anybody to read."""
        extra: dict[str, Json] = {"alg": "EdDSA", "use": "sig"}
        return {"keys": [{**_jwk(key), **extra, "kid": kid} for kid, key in self._keys.items()]}

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
