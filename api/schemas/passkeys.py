"""Passkeys: invitations, what browsers are asked, and what they answer.

The options are WebAuthn's own JSON forms, for ``parseCreationOptionsFromJSON`` and ``parseRequestOptionsFromJSON``.

Source: https://www.w3.org/TR/webauthn-3/#sctn-parseCreationOptionsFromJSON
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import Field

from api.schemas.base import Answer, Body, Hash, Id, Seconds
from api.schemas.items import ItemAnswer
from ledger.domain.consent import ZERO_ID
from ledger.domain.passkey import ES256, Passkey
from ledger.domain.webauthn import RelyingParty
from ledger.transparency.encoding import to_base64url, to_hex

CEREMONY_MS: Final = 120_000
WEEK: Final = 7 * 86_400


class InvitationBody(Body):
    """A subject to be enrolled with the first passkey that it sets up; without an id a random one is made."""

    subject: Id | None = None
    capacity: Literal["self", "guardian", "proxy"] = "self"
    from_: Seconds = Field(default=0, alias="from")
    until: Seconds | None = None
    form: Hash = ZERO_ID
    seconds: int = Field(default=WEEK, ge=60, le=90 * 86_400, description="how long the invitation is good")


class InvitationAnswer(Answer):
    """An invitation: sign the subject in by a link, and it can set up a passkey."""

    subject: str
    ends_at: int


class RegistrationSubject(Body):
    """For whom a passkey is made."""

    subject: Id


class RegistrationBody(Body):
    """What ``navigator.credentials.create`` gave: bytes in base64url without padding.

    ``authenticatorData`` is what ``getAuthenticatorData()`` returns; no attestation is asked for or read.
    """

    subject: Id
    authenticatorData: str = Field(max_length=3000)  # noqa: N815 - WebAuthn's names
    clientDataJSON: str = Field(max_length=3000)  # noqa: N815


class PasskeyAnswer(Answer):
    """A registered passkey; ``signer`` may sign once it is in authority, which the ``enrolment`` (if any) brings."""

    credential: str
    signer: str
    added_at: int
    backed_up: bool
    enrolment: ItemAnswer | None = None


class PasskeysAnswer(Answer):
    """The passkeys of a subject, oldest first."""

    passkeys: list[PasskeyAnswer]


class CreationOptions(Answer):
    """``PublicKeyCredentialCreationOptionsJSON``."""

    rp: dict[str, str]
    user: dict[str, str]
    challenge: str
    pubKeyCredParams: list[dict[str, Any]]  # noqa: N815
    timeout: int
    excludeCredentials: list[dict[str, str]]  # noqa: N815
    authenticatorSelection: dict[str, Any]  # noqa: N815
    attestation: Literal["none"]


class RequestOptions(Answer):
    """``PublicKeyCredentialRequestOptionsJSON``."""

    challenge: str
    rpId: str  # noqa: N815
    timeout: int
    allowCredentials: list[dict[str, str]]  # noqa: N815
    userVerification: Literal["required"]  # noqa: N815


def creation_options(party: RelyingParty, subject: bytes, challenge: bytes, held: Sequence[Passkey]) -> dict[str, Any]:
    """What a browser is asked to make a passkey; the person's name never leaves the device's own list."""
    return {
        "rp": {"id": party.id, "name": "Consentry"},
        "user": {"id": to_base64url(subject), "name": "Your consent choices", "displayName": "Your consent choices"},
        "challenge": to_base64url(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": ES256}],
        "timeout": CEREMONY_MS,
        "excludeCredentials": _descriptors(held),
        "authenticatorSelection": {"residentKey": "preferred", "userVerification": "required"},
        "attestation": "none",
    }


def request_options(party: RelyingParty, digest: bytes, held: Sequence[Passkey]) -> dict[str, Any]:
    """What a browser is asked to sign an act."""
    return {
        "challenge": to_base64url(digest),
        "rpId": party.id,
        "timeout": CEREMONY_MS,
        "allowCredentials": _descriptors(held),
        "userVerification": "required",
    }


def passkey_json(passkey: Passkey) -> dict[str, Any]:
    """The JSON form of a passkey."""
    return {
        "credential": to_base64url(passkey.credential),
        "signer": to_hex(passkey.signer),
        "added_at": passkey.added_at,
        "backed_up": passkey.backed_up,
    }


def _descriptors(held: Sequence[Passkey]) -> list[dict[str, str]]:
    return [{"type": "public-key", "id": to_base64url(one.credential)} for one in held]
