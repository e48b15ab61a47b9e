"""What a custodian knows of a subject, and its erasure."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from api.schemas.base import Answer, Body
from ledger.domain.erasure import Erasure
from ledger.domain.identifiers import to_hex
from ledger.domain.vault import LONGEST, LocalRecord

Reference = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST), Field(examples=["P-000123"])]
Detail = Annotated[str, StringConstraints(max_length=LONGEST)]


class LocalRecordBody(Body):
    """The custodian's own words for a subject; kept encrypted, in place of what was there."""

    reference: Reference
    name: Detail = ""
    contact: Detail = ""

    def record(self) -> LocalRecord:
        """The record."""
        return LocalRecord(self.reference, self.name, self.contact)


class ReferenceBody(Body):
    """Whom to look for."""

    reference: Reference


class LocalRecordAnswer(Answer):
    """What the vault holds about a subject."""

    subject: str
    reference: str
    name: str
    contact: str


class FoundSubjects(Answer):
    """The caller's subjects with a local reference: one, or none."""

    subjects: list[str]


class ErasureAnswer(Answer):
    """One erasure, as the log's entries name it; ``local_record``: the vault had held a record."""

    id: str
    at: int
    local_record: bool


class ErasedAnswer(Answer):
    """A subject that was erased; every decision on it is a deny."""

    subject: str
    erasures: list[ErasureAnswer]


def record_json(subject: bytes, record: LocalRecord) -> dict[str, Any]:
    """The JSON form of a record."""
    return {
        "subject": to_hex(subject),
        "reference": record.reference,
        "name": record.name,
        "contact": record.contact,
    }


def erasure_json(erasure: Erasure) -> dict[str, Any]:
    """The JSON form of an erasure."""
    return {"id": erasure.id, "at": erasure.at, "local_record": erasure.local_record}
