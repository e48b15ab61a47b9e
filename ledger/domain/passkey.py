"""A new passkey: read from what the authenticator says of it, and turned into a signer.

Invariants: ES256 alone (ECDSA on P-256 with SHA-256), which the contracts can check; a key that is not a point of the
curve is refused. No attestation is asked for and none is believed: what binds a key to a subject is the signature of a
signer in authority, or of the custodian at enrolment, never the make of a device.

Sources: https://www.w3.org/TR/webauthn-3/ (sections 6.5.2 and 7.1) and https://www.rfc-editor.org/rfc/rfc9053
"""

from dataclasses import dataclass
from typing import Final

from ledger.domain.webauthn import CREATE, AuthenticatorData, RelyingParty, check_client_data
from ledger.errors import BadSignature, InvalidInput

ES256: Final = -7
MOST_CREDENTIAL_ID: Final = 1023
_PRIME: Final = 0xFFFFFFFF_00000001_00000000_00000000_00000000_FFFFFFFF_FFFFFFFF_FFFFFFFF
_B: Final = 0x5AC635D8_AA3A93E7_B3EBBD55_769886BC_651D06B0_CC53B0F6_3BCE3C3E_27D2604B
_AAGUID: Final = 16
# CTAP2 has one encoding of a COSE key {kty: EC2, alg: ES256, crv: P-256, x: 32 bytes, y: 32 bytes}: these bytes.
_BEFORE_X: Final = bytes.fromhex("a5010203262001215820")
_BEFORE_Y: Final = bytes.fromhex("225820")
_COSE_KEY: Final = len(_BEFORE_X) + len(_BEFORE_Y) + 64


@dataclass(frozen=True, slots=True)
class Credential:
    """A passkey as its authenticator describes it.

    Attributes:
        id: The credential's id, by which browsers find the passkey.
        key: The public point, x and y, 64 bytes.
        counter: The authenticator's signature counter.
        backed_up: Whether it lies in more than one place.
    """

    id: bytes
    key: bytes
    counter: int
    backed_up: bool

    def signer(self, verifier: bytes) -> bytes:
        """The ERC-7913 signer of the passkey, for a verifier contract (20 bytes)."""
        return verifier + self.key


def read_registration(
    authenticator_data: bytes, client_data: bytes, challenge: bytes, party: RelyingParty
) -> Credential:
    """Read and check the answer to ``navigator.credentials.create``.

    Args:
        authenticator_data: What ``getAuthenticatorData()`` gives.
        client_data: ``clientDataJSON``.
        challenge: What the site asked to be answered.
        party: The site.

    Raises:
        BadSignature: It is of another ceremony or site, or nobody was verified.
        InvalidInput: It holds no ES256 key.
    """
    check_client_data(client_data, CREATE, challenge, party)
    data = AuthenticatorData.read(authenticator_data)
    data.check(party)
    if not data.attested:
        raise BadSignature("the authenticator data holds no new passkey; send what the registration gave")
    size = int.from_bytes(data.rest[_AAGUID : _AAGUID + 2], "big")
    start = _AAGUID + 2
    identity = data.rest[start : start + size]
    key, tail = data.rest[start + size : start + size + _COSE_KEY], data.rest[start + size + _COSE_KEY :]
    if not 0 < size <= MOST_CREDENTIAL_ID or len(identity) != size:
        raise InvalidInput(f"a credential id has 1 to {MOST_CREDENTIAL_ID} bytes; send what the registration gave")
    x, y = key[len(_BEFORE_X) :][:32], key[-32:]
    if len(key) != _COSE_KEY or key != _BEFORE_X + x + _BEFORE_Y + y:
        raise InvalidInput("the passkey's key is not ES256 on P-256; ask for algorithm -7 alone")
    if bool(tail) != data.extended:
        raise InvalidInput("the authenticator data does not end where its flags say; send it unchanged")
    if not is_point(x + y):
        raise InvalidInput("the passkey's key is not a point of P-256; make the passkey again")
    return Credential(identity, x + y, data.counter, data.backed_up)


def is_point(key: bytes) -> bool:
    """Whether 64 bytes are the coordinates of a point of P-256."""
    if len(key) != 64:
        return False
    x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
    return x < _PRIME and y < _PRIME and (y * y - (x * x * x - 3 * x + _B)) % _PRIME == 0


def counts_on(held: int, seen: int) -> bool:
    """Whether a signature counter went on from the last one that was seen.

    Zero after zero goes on: synced passkeys, which lie in several places, do not count. A step back means that the
    key was copied to where it should not be, or that two signatures arrive in another order than they were made.
    """
    return seen > held or seen == held == 0


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey that was registered for a subject.

    Attributes:
        credential: The credential's id, by which browsers find it.
        subject: For whom it may sign, once it is in authority.
        signer: Its ERC-7913 signer.
        counter: The newest signature counter that was seen.
        backed_up: Whether it lay in more than one place when it was made.
        added_at: When, seconds UTC.
    """

    credential: bytes
    subject: bytes
    signer: bytes
    counter: int
    backed_up: bool
    added_at: int


@dataclass(frozen=True, slots=True)
class Invitation:
    """A custodian's word that it enrols a subject with the first passkey that is registered for it.

    Attributes:
        subject: The subject's id, not enrolled yet.
        custodian: The institution.
        capacity, since, until, form: Of the passkey's authority, as in an enrolment.
        ends_at: The invitation's end, seconds UTC.
    """

    subject: bytes
    custodian: bytes
    capacity: int
    since: int
    until: int
    form: bytes
    ends_at: int
