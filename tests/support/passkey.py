"""A passkey in software: what a browser and an authenticator give, with every part open to be spoilt."""

import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ledger.chain import passkeys
from ledger.domain.webauthn import ORDER, Assertion, RelyingParty

UP, UV, BE, BS, AT, ED = 1, 4, 8, 16, 64, 128
COSE_HEAD = bytes.fromhex("a5010203262001215820")


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def client_data(kind: str, challenge: bytes, origin: str, **more: object) -> bytes:
    """The bytes that a browser makes (WebAuthn section 5.8.1.2)."""
    said = {"type": kind, "challenge": base64url(challenge), "origin": origin, "crossOrigin": False, **more}
    return json.dumps(said, separators=(",", ":")).encode()


@dataclass
class SoftPasskey:
    """A key that answers ceremonies like a platform authenticator.

    Attributes:
        party: The site that it belongs to.
        counter: Its signature counter; None: it does not count, as synced passkeys do not.
    """

    party: RelyingParty
    counter: int | None = None
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def origin(self) -> str:
        return min(self.party.origins)

    @property
    def point(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")

    def authenticator_data(self, flags: int, rest: bytes = b"", rp_id: str | None = None) -> bytes:
        count = 0 if self.counter is None else self.counter
        return sha256((rp_id or self.party.id).encode()).digest() + bytes((flags,)) + count.to_bytes(4, "big") + rest

    def created(
        self, challenge: bytes, *, origin: str | None = None, flags: int = UP | UV | BE | BS
    ) -> dict[str, bytes]:
        """The answer to ``navigator.credentials.create``."""
        cose = COSE_HEAD + self.point[:32] + bytes.fromhex("225820") + self.point[32:]
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose
        return {
            "authenticator_data": self.authenticator_data(flags | AT, attested),
            "client_data": client_data("webauthn.create", challenge, origin or self.origin),
        }

    def answer(
        self,
        challenge: bytes,
        *,
        kind: str = "webauthn.get",
        origin: str | None = None,
        flags: int = UP | UV | BE | BS,
        rp_id: str | None = None,
        high: bool = False,
        **more: object,
    ) -> dict[str, bytes]:
        """The answer to ``navigator.credentials.get``; ``high``: with the upper s, which many authenticators give."""
        if self.counter is not None:
            self.counter += 1
        data = self.authenticator_data(flags, rp_id=rp_id)
        said = client_data(kind, challenge, origin or self.origin, **more)
        # Deterministic (RFC 6979), so that the same key signs alike each time.
        algorithm = ec.ECDSA(SHA256(), deterministic_signing=True)
        r, s = decode_dss_signature(self.key.sign(data + sha256(said).digest(), algorithm))
        s = max(s, ORDER - s) if high else min(s, ORDER - s)
        return {"authenticator_data": data, "client_data": said, "signature": encode_dss_signature(r, s)}

    def sign(self, digest: bytes) -> bytes:
        """A signature as the chain takes it."""
        return passkeys.encode(Assertion.read(**self.answer(digest)))
