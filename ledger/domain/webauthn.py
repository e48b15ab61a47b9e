"""What a browser and an authenticator say when a passkey signs, and the checks that the chain leaves to us.

Invariants: every byte that is believed is under the authenticator's signature; a flag, member or length that is not as
the standard has it is refused, with a message of its own; nothing here depends on the time or on an earlier ceremony.

The contract (OpenZeppelin's WebAuthn library) checks type, challenge, the flags and the signature. It cannot know which
site asked: origin, relying party and framing are checked here, before anything is relayed.

Source: https://www.w3.org/TR/webauthn-3/ (sections 5.8.1, 6.1 and 7.2)
"""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from ledger.errors import BadSignature

CREATE: Final = "webauthn.create"
GET: Final = "webauthn.get"
MOST_CLIENT_DATA: Final = 2048
MOST_AUTHENTICATOR_DATA: Final = 1024
ORDER: Final = 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551
"""The order n of P-256's group (FIPS 186-5)."""
_TYPE: Final = b'"type":"%b"' % GET.encode()
_CHALLENGE: Final = b'"challenge":"'
_HEAD: Final = 37
_LONGEST_DER: Final = 72
_USER_PRESENT, _USER_VERIFIED, _ELIGIBLE, _BACKED_UP, _ATTESTED, _EXTENDED = 1, 4, 8, 16, 64, 128


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The site that passkeys are made for.

    Attributes:
        id: Its domain, such as ``consent.example.org``; passkeys work nowhere else.
        origins: Where its pages are, such as ``https://consent.example.org``; exact, with the port where there is one.
    """

    id: str
    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class AuthenticatorData:
    """What the authenticator says about a ceremony.

    Attributes:
        rp_hash: SHA-256 of the relying party's id that it acted for.
        flags: Its eight flags.
        counter: How often the key was used; 0 forever from authenticators that do not count, such as synced ones.
        rest: What stands behind the fixed part: a new credential, extensions.
    """

    rp_hash: bytes
    flags: int
    counter: int
    rest: bytes

    @classmethod
    def read(cls, data: bytes) -> "AuthenticatorData":
        """Read it.

        Raises:
            BadSignature: It is too short or too long.
        """
        if not _HEAD <= len(data) <= MOST_AUTHENTICATOR_DATA:
            raise BadSignature(
                f"authenticator data has {_HEAD} to {MOST_AUTHENTICATOR_DATA} bytes, not {len(data)}; send it unchanged"
            )
        return cls(data[:32], data[32], int.from_bytes(data[33:_HEAD], "big"), data[_HEAD:])

    @property
    def attested(self) -> bool:
        """A new credential follows."""
        return bool(self.flags & _ATTESTED)

    @property
    def extended(self) -> bool:
        """Extensions follow."""
        return bool(self.flags & _EXTENDED)

    @property
    def backed_up(self) -> bool:
        """The passkey lies in more than one place."""
        return bool(self.flags & _BACKED_UP)

    def check(self, party: RelyingParty) -> None:
        """The authenticator acted for this site, and a verified person was there.

        Raises:
            BadSignature: It did not, or nobody was.
        """
        if self.rp_hash != sha256(party.id.encode()).digest():
            raise BadSignature(f"the passkey acted for another site than {party.id}; use the passkey of this site")
        if not self.flags & _USER_PRESENT:
            raise BadSignature("the authenticator did not test that somebody was there; confirm on the device")
        if not self.flags & _USER_VERIFIED:
            raise BadSignature("the device did not check who was there (PIN, finger or face); unlock it when asked")
        if self.flags & _BACKED_UP and not self.flags & _ELIGIBLE:
            raise BadSignature("the authenticator says backed up and not able to be, which contradict each other")


@dataclass(frozen=True, slots=True)
class Assertion:
    """An answer of a passkey: what was signed, and the signature in its low form (both integers of P-256)."""

    authenticator_data: bytes
    client_data: bytes
    r: int
    s: int

    @classmethod
    def read(cls, authenticator_data: bytes, client_data: bytes, signature: bytes) -> "Assertion":
        """Take what the browser gives; ``signature`` is DER, and of its two forms the low one is kept.

        Raises:
            BadSignature: The signature is not one of ECDSA on P-256, or a part is too long.
        """
        if len(client_data) > MOST_CLIENT_DATA:
            raise BadSignature(f"client data has at most {MOST_CLIENT_DATA} bytes, not {len(client_data)}")
        AuthenticatorData.read(authenticator_data)
        r, s = _from_der(signature)
        return cls(authenticator_data, client_data, r, min(s, ORDER - s))

    @property
    def message(self) -> bytes:
        """What the authenticator signed; ECDSA takes its SHA-256."""
        return self.authenticator_data + sha256(self.client_data).digest()

    @property
    def counter(self) -> int:
        """The authenticator's signature counter."""
        return AuthenticatorData.read(self.authenticator_data).counter

    @property
    def places(self) -> tuple[int, int]:
        """Where type and challenge stand in the client data, for the contract to find; 0 for what is not there."""
        return max(self.client_data.find(_TYPE), 0), max(self.client_data.find(_CHALLENGE), 0)

    def check(self, challenge: bytes, party: RelyingParty) -> None:
        """All that can be checked without the key.

        Args:
            challenge: What was to be signed: an act's digest, 32 bytes.
            party: The site that it was to be signed for.

        Raises:
            BadSignature: Something else was signed, or elsewhere, or by nobody who was verified.
        """
        check_client_data(self.client_data, GET, challenge, party)
        data = AuthenticatorData.read(self.authenticator_data)
        data.check(party)
        if data.attested:
            raise BadSignature("the authenticator data is of a new passkey, not of a signature")
        if bool(data.rest) != data.extended:
            raise BadSignature("the authenticator data does not end where its flags say; send it unchanged")


def check_client_data(data: bytes, kind: str, challenge: bytes, party: RelyingParty) -> None:
    """Check what the browser says about a ceremony.

    Args:
        data: The bytes of ``clientDataJSON``, as the browser gave them.
        kind: ``CREATE`` or ``GET``.
        challenge: The bytes that were to be signed.
        party: The site.

    Raises:
        BadSignature: It is malformed, or of another ceremony, challenge or site.
    """
    said = _members(data)
    if said.get("type") != kind:
        raise BadSignature(f"the passkey was asked for {said.get('type')!r}, not for {kind!r}")
    expected = urlsafe_b64encode(challenge).rstrip(b"=")
    if said.get("challenge") != expected.decode():
        raise BadSignature("the passkey signed another challenge than this act's; sign this act")
    origin = str(said.get("origin"))
    if origin not in party.origins:
        raise BadSignature(f"the passkey was used at {origin[:100]!r}, which is not a page of {party.id}")
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise BadSignature("the page was shown inside another site; open it by itself")
    # The contract compares bytes and parses no JSON: the first place where a name stands must be where its value does.
    written = data[data.find(_CHALLENGE) :].startswith(b'%b%b"' % (_CHALLENGE, expected))
    if not written or b'"type":"%b"' % kind.encode() not in data:
        raise BadSignature("the client data is not written as browsers write it; send its bytes unchanged")


def _members(data: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise BadSignature("the client data names a member twice; send its bytes unchanged")
        return members

    if len(data) > MOST_CLIENT_DATA:
        raise BadSignature(f"client data has at most {MOST_CLIENT_DATA} bytes, not {len(data)}")
    try:
        members = json.loads(data.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as problem:
        raise BadSignature("the client data is not JSON; send its bytes unchanged") from problem
    if not isinstance(members, dict):
        raise BadSignature("the client data is not a JSON object; send its bytes unchanged")
    return members


def _from_der(signature: bytes) -> tuple[int, int]:
    """The two integers of a DER signature (SEC 1, section C.5); short lengths do for P-256."""
    numbers: list[int] = []
    rest = signature[2:]
    if len(signature) <= _LONGEST_DER and signature[:2] == bytes((0x30, len(rest))):
        while len(rest) > 2 and rest[0] == 0x02 and 0 < rest[1] <= len(rest) - 2:
            content, rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
            shortest = len(content) == 1 or content[0] or content[1] & 0x80
            if content[0] & 0x80 or not shortest:
                break
            numbers.append(int.from_bytes(content, "big"))
    if rest or len(numbers) != 2 or not all(0 < number < ORDER for number in numbers):
        raise BadSignature("the passkey's signature is not ECDSA on P-256 in DER; only ES256 passkeys are taken")
    return numbers[0], numbers[1]
