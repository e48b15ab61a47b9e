"""The receipt of a look: what the ledger said about one subject, signed, without an entry in a log.

It proves what was said, as of which block, so that the answer can be computed again from the chain alone. It does not
prove that the question was recorded: nobody but its holder knows of it, so it is no ground to touch data, and its type
keeps it from being taken for a decision's receipt.

Source: https://www.rfc-editor.org/rfc/rfc7515 and rfc8725 section 3.11 (explicit typing)
"""

from typing import Annotated, Final, TypeAlias

import msgspec

from ledger.errors import ProofInvalid
from ledger.transparency.canonical import MAX_INTEGER
from ledger.transparency.jws import kid_of, sign_canonical, verify_jws
from ledger.transparency.keys import KeySet, SigningKey

LOOK_TYPE: Final = "consentry-look+jws"
_Hex32: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{64}\Z")]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]


class _Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: _Count
    hash: _Hex32


class _Duty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    properties: dict[str, str]


class LookReceipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was said.

    Attributes:
        request: SHA-256 of the canonical request, 0x and hex.
        subject: Whom about.
        at: The instant that was decided for, seconds UTC.
        outcome: permit, deny or abstain.
        reason: Its code.
        consent: The consent that decided; None: none did.
        version: Its version, 0 without one.
        block: The block of the consents.
        policy: Version of the decision rule.
        valid_until: First instant (seconds UTC) at which time alone could change the answer.
        codes: Terms of the Data Use Ontology that refused.
        obligations: What a permit obliges to.
    """

    request: _Hex32
    subject: _Hex32
    at: _Count
    outcome: str
    reason: str
    consent: _Hex32 | None
    version: _Count
    block: _Block
    policy: str
    valid_until: _Count
    codes: list[str]
    obligations: list[_Duty]


def issue_look(payload: bytes, key: SigningKey) -> bytes:
    """The JWS, in ASCII, of a look's payload: the canonical bytes of the fields of ``LookReceipt``, and no other."""
    return sign_canonical(payload, key, LOOK_TYPE)


def open_look(jws: str, keys: KeySet) -> LookReceipt:
    """A look's receipt, once its signature is checked, and that its key signed for the ledger at its instant.

    Raises:
        ProofInvalid: Not a valid receipt of a look.
        CannotCheck: ``keys`` is empty.
    """
    try:
        read = msgspec.convert(verify_jws(jws, keys, LOOK_TYPE), LookReceipt)
    except msgspec.ValidationError as error:
        raise ProofInvalid(f"receipt: signed, but not a receipt of a look: {error}") from error
    keys.check_instant(kid_of(jws), read.at)
    return read
