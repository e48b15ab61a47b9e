"""Institutions, reviewers, texts, studies, engines and enrolments, as they are handed in."""

from typing import Any, Literal

from pydantic import Field

from api.schemas.acts import CapacityWord, capacity_of, words_field
from api.schemas.base import Body, Hash, Id, Name, Seconds, Signature, Signer, Words
from ledger.domain.consent import ZERO_ID
from ledger.domain.directory import Study
from ledger.domain.release import read_purpose, write_document
from ledger.domain.vocabulary import CONDITION_TERMS, FOREVER, OPERATION_TERMS, USE_TERMS
from ledger.domain.wording import mask_of, mondo_number
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
