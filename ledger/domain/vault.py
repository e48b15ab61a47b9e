"""What a custodian knows of a subject, and the sealed row that it is kept as.

A ``LocalRecord`` is the one place where a subject's id meets a person. It is never logged, never printed (its ``repr``
is empty), and stored only as a ``SealedRecord``.
"""

import unicodedata
from dataclasses import dataclass, field, replace

from ledger.errors import InvalidInput

LONGEST = 128
"""Most characters of each field."""


@dataclass(frozen=True, slots=True)
class LocalRecord:
    """The custodian's own words for a subject.

    Args:
        reference: The local patient number; one subject of a custodian has it.
        name: How the desk calls the person; empty: not kept.
        contact: How the desk reaches the person; empty: not kept.
    """

    reference: str = field(repr=False)
    name: str = field(default="", repr=False)
    contact: str = field(default="", repr=False)

    def normal(self) -> "LocalRecord":
        """The record in the one form in which it is stored and looked up (Unicode NFC, no outer spaces).

        Raises:
            InvalidInput: A field is too long or holds control characters, or the reference is empty. The value itself
                is not in the message.
        """
        return replace(
            self,
            reference=normal_reference(self.reference),
            name=_line(self.name, "name"),
            contact=_line(self.contact, "contact"),
        )


def normal_reference(reference: str) -> str:
    """A local reference in the one form in which it is stored and looked up.

    Raises:
        InvalidInput: It is empty, too long, or holds control characters.
    """
    text = _line(reference, "reference")
    if not text:
        raise InvalidInput("the local reference is empty; send the custodian's own number for the patient")
    return text


def _line(text: str, what: str) -> str:
    line = unicodedata.normalize("NFC", text).strip()
    if len(line) > LONGEST:
        raise InvalidInput(f"the {what} is longer than {LONGEST} characters; the vault holds no documents")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in line):
        raise InvalidInput(f"the {what} must be one line of printable text")
    return line


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key, encrypted under a version of the key-encryption key."""

    version: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """A row of the vault.

    Args:
        subject: Whose row it is.
        custodian: Whose patient.
        index: The blind index of the local reference (32 bytes), under the same key version as ``key``.
        key: The row's own data key, wrapped.
        data: The record, encrypted under the data key, bound to subject and custodian.
    """

    subject: bytes
    custodian: bytes
    index: bytes
    key: WrappedKey
    data: bytes
