"""Compact JWS with Ed25519 over canonical JSON.

Invariants:

- The algorithm is EdDSA and nothing else; the header holds ``alg``, ``kid`` and ``typ`` and nothing else. A header
  that asks for anything (``crit``, ``jwk``, ``jku``, ``b64``) is refused, not ignored.
- ``typ`` says what kind of document is signed, and the reader says which kind it expects (RFC 8725 section 3.11).
- Header, payload and signature have one written form each, so no byte can change unseen.

Source: https://www.rfc-editor.org/rfc/rfc7515 and rfc8037
"""

from collections.abc import Mapping
from functools import lru_cache

from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.transparency.canonical import Json, decode_object, encode
from ledger.transparency.encoding import base64url, from_base64url
from ledger.transparency.keys import KeySet, SigningKey

MAX_JWS_SIZE = 1_048_576
"""The longest JWS that is read, in characters."""

_ALGORITHM = "EdDSA"


def sign_jws(payload: Mapping[str, object], key: SigningKey, typ: str) -> str:
    """The compact JWS of ``payload``.

    Args:
        payload: What is signed: values as ``canonical.encode`` takes them.
        key: The signing key; its ``kid`` goes into the header.
        typ: The kind of document, as ``verify_jws`` will expect it.

    Raises:
        InvalidInput: The payload has no canonical form.
    """
    return sign_canonical(encode(payload), key, typ).decode("ascii")


def sign_canonical(payload: bytes, key: SigningKey, typ: str) -> bytes:
    """As ``sign_jws``, of bytes that are canonical JSON already, and in ASCII."""
    message = b"%b.%b" % (_header(key.kid, typ), base64url(payload))
    return b"%b.%b" % (message, base64url(key.sign(message)))


@lru_cache(maxsize=64)
def _header(kid: str, typ: str) -> bytes:
    return base64url(encode({"alg": _ALGORITHM, "kid": kid, "typ": typ}))


def kid_of(jws: str) -> str:
    """The id of the key that a JWS names; nothing is checked here: ``verify_jws`` first."""
    return str(decode_object(from_base64url(jws.partition(".")[0]))["kid"])


def verify_jws(jws: str, keys: KeySet, typ: str) -> dict[str, Json]:
    """The payload of a compact JWS, once its signature is checked.

    Args:
        jws: Three base64url parts with dots between.
        keys: The trusted keys.
        typ: The kind of document that is expected.

    Raises:
        ProofInvalid: Malformed, of another kind or algorithm, by an unknown key, or with a wrong signature.
        CannotCheck: ``keys`` is empty.
    """
    if not len(keys):
        raise CannotCheck("JWS: no key is known; give the issuer's JWKS to check the signature")
    parts = jws.split(".") if len(jws) <= MAX_JWS_SIZE else []
    if len(parts) != 3:
        raise ProofInvalid(f"JWS: not three parts with dots between, or longer than {MAX_JWS_SIZE} characters")
    try:
        header = decode_object(from_base64url(parts[0]))
        payload = from_base64url(parts[1])
        signature = from_base64url(parts[2])
    except InvalidInput as error:
        raise ProofInvalid(f"JWS: malformed: {error}") from error
    kid = header.get("kid")
    if header != {"alg": _ALGORITHM, "kid": kid, "typ": typ} or not isinstance(kid, str):
        raise ProofInvalid(f'JWS: the header must say alg "{_ALGORITHM}", typ "{typ}" and a kid, and nothing else')
    keys.verify(kid, signature, f"{parts[0]}.{parts[1]}".encode())
    try:
        return decode_object(payload)
    except InvalidInput as error:
        raise ProofInvalid(f"JWS: the payload is not a canonical JSON object: {error}") from error
