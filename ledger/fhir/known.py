"""What a reader of FHIR is told beforehand: who the references are, and which published texts were shown.

A FHIR resource names organizations and texts in its own system's way; only the caller can say which of ours they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.domain.identifiers import parse_bytes, parse_id
from ledger.domain.vocabulary import RecipientKind
from ledger.errors import InvalidInput

Recipient = tuple[RecipientKind, bytes]


@dataclass(frozen=True, slots=True)
class Known:
    """What the caller knows.

    Args:
        recipients: For a literal reference (``Organization/f001``) the institution or study of the directory.
        custodians: References that mean the subject's own custodian, besides the resource's own ``organization``.
        texts: For a policy's URI the SHA-256 of the published text.
        terms: The SHA-256 of the text that was shown, whatever the resource says; None: as the resource says.
        deny_is_default: A base rule that denies, with permits inside, says only what is closed anyway. Without this
            word an R4 resource of that form is refused: it may be meant against other consents.
    """

    recipients: Mapping[str, Recipient] = field(default_factory=dict)
    custodians: frozenset[str] = frozenset()
    texts: Mapping[str, bytes] = field(default_factory=dict)
    terms: bytes | None = None
    deny_is_default: bool = False


def recipient_from(text: str) -> Recipient:
    """Read ``institution:0x..`` or ``study:0x..``.

    Raises:
        InvalidInput: It has another form.
    """
    kind, _, name = text.partition(":")
    kinds = {"institution": RecipientKind.INSTITUTION, "study": RecipientKind.STUDY}
    if kind not in kinds:
        raise InvalidInput(f"a recipient is written institution:ID or study:ID, not {text!r}")
    return kinds[kind], parse_id(name, what=kind)


def text_from(value: str) -> bytes:
    """Read the SHA-256 of a text."""
    return parse_bytes(value, what="the text's hash", size=32)
