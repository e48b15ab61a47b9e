"""Signatures on P-256 as the verifier contracts take them: written, read back, and checked without asking a node.

The two checks answer what OpenZeppelin's ERC7913P256Verifier and ERC7913WebAuthnVerifier answer, with one narrowing:
of the many encodings of one signature that the contracts read, only the shortest is taken here. What a contract cannot
know (the site, the frame) is ``ledger.domain.webauthn``'s to check.

Sources: https://eips.ethereum.org/EIPS/eip-7913 and @openzeppelin/contracts/utils/cryptography/WebAuthn.sol
"""

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ledger.chain.abi import WORD, Words, dynamic, pack, uint
from ledger.domain.passkey import is_point
from ledger.domain.webauthn import ORDER, Assertion, RelyingParty
from ledger.errors import BadSignature, MirrorDiverged

_ES256 = ec.ECDSA(Prehashed(SHA256()))


def encode(assertion: Assertion) -> bytes:
    """The signature bytes of a passkey: ``abi.encode`` of the members of ``WebAuthnAuth``."""
    type_at, challenge_at = assertion.places
    return pack(
        uint(assertion.r, 256),
        uint(assertion.s, 256),
        uint(challenge_at, 256),
        uint(type_at, 256),
        dynamic(assertion.authenticator_data),
        dynamic(assertion.client_data),
    )


def decode(signature: bytes) -> Assertion:
    """Read signature bytes back.

    Raises:
        BadSignature: They are not what ``encode`` writes.
    """
    words = Words(signature)
    try:
        assertion = Assertion(words.dynamic(4), words.dynamic(5), words.uint(0, 256), words.uint(1, 256))
    except MirrorDiverged as problem:
        raise BadSignature("the signature is not a passkey's; send what the browser gave under webauthn") from problem
    if encode(assertion) != signature:
        raise BadSignature("the passkey's signature is not in its one shortest encoding; encode it again")
    return assertion


def p256_holds(key: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether 64 bytes r, s (low) are a signature of ``digest`` by the point ``key`` (x, y)."""
    if len(signature) != 2 * WORD:
        return False
    r, s = int.from_bytes(signature[:WORD], "big"), int.from_bytes(signature[WORD:], "big")
    return _holds(key, digest, r, s)


def check_passkey(key: bytes, digest: bytes, signature: bytes, party: RelyingParty) -> None:
    """A passkey of this site signed a digest, by a verified person on a page of the site.

    Args:
        key: The public point, 64 bytes.
        digest: What was the challenge, 32 bytes.
        signature: As ``encode`` writes it.
        party: The site.

    Raises:
        BadSignature: What is wrong, in words.
    """
    assertion = decode(signature)
    assertion.check(digest, party)
    if assertion.s > ORDER // 2:
        raise BadSignature("the signature's s is in the upper half, which the contract refuses; send n - s instead")
    if not _holds(key, sha256(assertion.message).digest(), assertion.r, assertion.s):
        raise BadSignature("this passkey did not make this signature; sign with the one that the act names")


def _holds(key: bytes, digest: bytes, r: int, s: int) -> bool:
    if not (0 < r < ORDER and 0 < s <= ORDER // 2 and is_point(key)):
        return False
    public = ec.EllipticCurvePublicNumbers(
        int.from_bytes(key[:WORD], "big"), int.from_bytes(key[WORD:], "big"), ec.SECP256R1()
    ).public_key()
    try:
        public.verify(encode_dss_signature(r, s), digest, _ES256)
    except InvalidSignature:
        return False
    return True
