"""Signatures of acts on the wire: hex, or what a browser gives for a passkey.

Invariants: both forms end as the same bytes, those that the chain takes; nothing is checked here but form and length,
since all that counts is checked again on these bytes, whichever way they came.
"""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationError, WithJsonSchema

from api.schemas.base import Body, parse_signature
from ledger.chain import passkeys
from ledger.domain.identifiers import to_hex
from ledger.domain.webauthn import Assertion
from ledger.errors import InvalidInput
from ledger.transparency.encoding import from_base64url

_MOST_TEXT: Final = 3000  # characters of base64url; the bytes have bounds of their own


class AssertionBody(Body):
    """``AuthenticatorAssertionResponse`` in the form of WebAuthn's JSON: bytes in base64url without padding."""

    authenticatorData: str = Field(max_length=_MOST_TEXT)  # noqa: N815 - WebAuthn's names
    clientDataJSON: str = Field(max_length=_MOST_TEXT)  # noqa: N815
    signature: str = Field(max_length=_MOST_TEXT)
    credentialId: str | None = Field(default=None, max_length=_MOST_TEXT)  # noqa: N815
    userHandle: str | None = Field(default=None, max_length=_MOST_TEXT)  # noqa: N815

    def encoded(self) -> bytes:
        """The bytes that the chain takes, s in its low form.

        Raises:
            InvalidInput: A part is malformed.
        """
        assertion = Assertion.read(
            from_base64url(self.authenticatorData), from_base64url(self.clientDataJSON), from_base64url(self.signature)
        )
        return passkeys.encode(assertion)


class PasskeySignature(Body):
    """A passkey's signature."""

    webauthn: AssertionBody


def read_signature(value: Any) -> bytes:
    """The bytes of a signature in either form.

    Raises:
        ValueError: It is malformed.
    """
    try:
        if isinstance(value, dict):
            return PasskeySignature.model_validate(value).webauthn.encoded()
        return parse_signature(value)
    except ValidationError as problem:
        fault = problem.errors()[0]
        raise ValueError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from problem
    except InvalidInput as problem:
        raise ValueError(str(problem)) from problem


ActSignature = Annotated[
    bytes,
    BeforeValidator(read_signature),
    PlainSerializer(to_hex, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^0x([0-9a-f]{2})+$", "examples": ["0x" + "ab" * 65]},
                {
                    "type": "object",
                    "required": ["webauthn"],
                    "properties": {
                        "webauthn": {
                            "type": "object",
                            "required": ["authenticatorData", "clientDataJSON", "signature"],
                            "properties": {
                                name: {"type": "string", "maxLength": _MOST_TEXT}
                                for name in (
                                    "authenticatorData",
                                    "clientDataJSON",
                                    "signature",
                                    "credentialId",
                                    "userHandle",
                                )
                            },
                        }
                    },
                },
            ]
        }
    ),
]
"""Hex (65 bytes r, s, v for an account; 64 bytes r, s for a P-256 key), or a passkey's answer."""
