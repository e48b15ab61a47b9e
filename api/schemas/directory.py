"""Institutions, reviewers, texts, studies, engines and enrolments."""

import json
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from api.schemas.acts import CapacityWord, capacity_of, words_field
from api.schemas.base import Answer, Body, Hash, Id, Name, Seconds, Signature, Signer, Words
from api.schemas.items import ItemsAnswer
from ledger.domain.consent import ZERO_ID
from ledger.domain.directory import Dataset, Engine, Institution, Reviewer, Study, Terms
from ledger.domain.identifiers import to_hex
from ledger.domain.release import read_purpose, read_terms, write_document
from ledger.domain.vocabulary import CONDITION_TERMS, FOREVER, OPERATION_TERMS, USE_TERMS, names_of
from ledger.domain.wording import mask_of, mondo_code, mondo_number
from ledger.errors import InvalidInput
from ledger.services.directory import NewSubject

StudyStateWord = Literal["active", "suspended", "closed"]


class InstitutionBody(Body):
    """An institution to admit; without a signer the service makes and keeps a key for it."""

    id: Id | None = None
    name: Name
    signer: Signer | None = None


class ReviewerBody(InstitutionBody):
    """A reviewer to name; without a signer the service makes and keeps a key."""


class TermsBody(Body):
    """A consent text to publish, by its hash or in full (its UTF-8 bytes are hashed; the text is kept to be shown)."""

    hash: Hash | None = None
    text: str | None = Field(default=None, min_length=1, max_length=200_000)
    version: int = Field(ge=1, lt=1 << 32)
    language: str = Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", examples=["en"])
    uri: str = Field(default="", max_length=500, pattern=r"^[\x21-\x7e]*$")


class StudyBody(Body):
    """A study to propose."""

    id: Id | None = None
    title: Name
    uses: Words = words_field(USE_TERMS, or_any=False)
    conditions: Words = words_field(CONDITION_TERMS, or_any=False)
    diseases: list[list[str]] = Field(
        default=[],
        max_length=50,
        description="for each disease its Mondo code, then those of its ancestors",
        examples=[[["MONDO:0008903", "MONDO:0005138"]]],
    )
    purpose: dict[str, Any] = Field(
        default={},
        description="what else is known of the use, in the JSON form of data use, without use and diseases",
        examples=[{"nonprofit": True, "commercial": False}],
    )
    required_terms: int = Field(ge=0, lt=1 << 32)
    ethics: Hash
    ethics_until: Seconds
    deadline: Seconds | None = None
    signature: Signature | None = None

    def study(self, institution: bytes, made: bytes) -> Study:
        """The study of an institution, under a made-up id where none is given.

        Raises:
            UnknownCode: A word is outside the vocabulary.
            InvalidInput: The parts do not fit together.
        """
        study = Study(
            id=self.id or made,
            institution=institution,
            number=0,
            title=" ".join(self.title.split()),
            uses=mask_of(self.uses, USE_TERMS, 0, what="uses"),
            conditions=mask_of(self.conditions, CONDITION_TERMS, 0, what="conditions"),
            required_terms=self.required_terms,
            ethics=self.ethics,
            ethics_until=self.ethics_until,
            diseases=tuple(tuple(mondo_number(code) for code in closure) for closure in self.diseases),
            purpose=write_document(self.purpose) if self.purpose else b"",
        )
        study.check()
        read_purpose(study.purpose)
        return study


class DatasetBody(Body):
    """A dataset to register, with the terms of its use in the JSON form of data use."""

    id: Id | None = None
    terms: dict[str, Any] = Field(examples=[{"permission": "HMB", "modifiers": {"NPU": True}}])
    deadline: Seconds | None = None
    signature: Signature | None = None


class TermsOfUseBody(Body):
    """New terms for a dataset."""

    terms: dict[str, Any] = Field(examples=[{"permission": "GRU"}])


class ApprovalBody(Body):
    """An approval of a study, signed with the kept key of the reviewer (default: the caller)."""

    reviewer: Id | None = None


class StudyStateBody(Body):
    """The state that a study is to have."""

    to: StudyStateWord


class EngineBody(Body):
    """An engine to register; without a signer the service makes and keeps a key for it."""

    id: Id | None = None
    name: Name
    operations: Words = words_field(OPERATION_TERMS, or_any=False)
    signer: Signer | None = None


class EnrolmentBody(Body):
    """A subject to enrol with its first signer; without an id a random one is made."""

    subject: Id | None = None
    signer: Signer
    capacity: CapacityWord = "self"
    from_: Seconds = Field(default=0, alias="from")
    until: Seconds | None = None
    form: Hash = ZERO_ID

    def new(self, made: bytes) -> NewSubject:
        """What the service enrols."""
        return NewSubject(
            signer=self.signer,
            subject=self.subject or made,
            capacity=capacity_of(self.capacity),
            since=self.from_,
            until=FOREVER if self.until is None else self.until,
            form=self.form,
        )


class Enrolments(Body):
    """Subjects to enrol."""

    enrolments: list[EnrolmentBody] = Field(min_length=1)


class PublishedAnswer(ItemsAnswer):
    """The act, and the SHA-256 under which the text is published."""

    hash: str


class InstitutionAnswer(Answer):
    """An institution."""

    id: str
    number: int
    name: str
    signer: str
    state: Literal["active", "suspended"]


class InstitutionsAnswer(Answer):
    """All institutions, by number."""

    institutions: list[InstitutionAnswer]
    next: str | None


class ReviewerAnswer(Answer):
    """A reviewer."""

    id: str
    name: str
    signer: str
    active: bool


class ReviewersAnswer(Answer):
    """All reviewers."""

    reviewers: list[ReviewerAnswer]
    next: str | None


class TermsAnswer(Answer):
    """A published text."""

    hash: str
    version: int
    language: str
    uri: str


class AllTermsAnswer(Answer):
    """All published texts."""

    terms: list[TermsAnswer]
    next: str | None


class StudyAnswer(Answer):
    """A study."""

    id: str
    institution: str
    number: int
    title: str
    uses: list[str]
    conditions: list[str]
    diseases: list[list[str]]
    purpose: Any = Field(description="what else is known of the use; null where it is not in its form")
    required_terms: int
    ethics: str
    ethics_until: int
    state: Literal["proposed", "approved", "active", "suspended", "closed"]


class StudiesAnswer(Answer):
    """All studies, by number."""

    studies: list[StudyAnswer]
    next: str | None


class DatasetAnswer(Answer):
    """A dataset; ``terms`` is null where what is on the chain is not in its form, and then it denies every use."""

    id: str
    custodian: str
    version: int
    terms: Any
    state: Literal["active", "closed"]


class DatasetsAnswer(Answer):
    """Datasets, by id."""

    datasets: list[DatasetAnswer]
    next: str | None


class EngineAnswer(Answer):
    """An engine."""

    id: str
    institution: str
    name: str
    signer: str
    operations: list[str]
    state: Literal["active", "revoked"]


class EnginesAnswer(Answer):
    """All engines."""

    engines: list[EngineAnswer]
    next: str | None


def institution_json(held: Institution) -> dict[str, Any]:
    """The JSON form of an institution."""
    return {
        "id": to_hex(held.id),
        "number": held.number,
        "name": held.name,
        "signer": to_hex(held.signer),
        "state": held.state.name.lower(),
    }


def reviewer_json(held: Reviewer) -> dict[str, Any]:
    """The JSON form of a reviewer."""
    return {"id": to_hex(held.id), "name": held.name, "signer": to_hex(held.signer), "active": held.active}


def terms_json(held: Terms) -> dict[str, Any]:
    """The JSON form of a published text."""
    return {"hash": to_hex(held.hash), "version": held.version, "language": held.language, "uri": held.uri}


def study_json(held: Study) -> dict[str, Any]:
    """The JSON form of a study."""
    return {
        "id": to_hex(held.id),
        "institution": to_hex(held.institution),
        "number": held.number,
        "title": held.title,
        "uses": names_of(held.uses, USE_TERMS),
        "conditions": names_of(held.conditions, CONDITION_TERMS),
        "diseases": [[mondo_code(number) for number in closure] for closure in held.diseases],
        "purpose": _document(held.purpose, read_purpose) if held.purpose else {},
        "required_terms": held.required_terms,
        "ethics": to_hex(held.ethics),
        "ethics_until": held.ethics_until,
        "state": held.state.name.lower(),
    }


def dataset_json(held: Dataset) -> dict[str, Any]:
    """The JSON form of a dataset."""
    return {
        "id": to_hex(held.id),
        "custodian": to_hex(held.custodian),
        "version": held.version,
        "terms": _document(held.terms, read_terms),
        "state": held.state.name.lower(),
    }


def _document(document: bytes, read: Callable[[bytes], object]) -> Any:
    """A document of the chain, as it stands there; None where it is not in its form."""
    try:
        read(document)
    except InvalidInput:
        return None
    return json.loads(document)


def engine_json(held: Engine) -> dict[str, Any]:
    """The JSON form of an engine."""
    return {
        "id": to_hex(held.id),
        "institution": to_hex(held.institution),
        "name": held.name,
        "signer": to_hex(held.signer),
        "operations": names_of(held.operations, OPERATION_TERMS),
        "state": held.state.name.lower(),
    }
