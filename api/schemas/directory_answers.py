"""Institutions, reviewers, texts, studies, datasets and engines, as they are answered."""

import json
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from api.schemas.base import Answer
from api.schemas.items import ItemsAnswer
from ledger.domain.directory import Dataset, Engine, Institution, Reviewer, Study, Terms
from ledger.domain.identifiers import to_hex
from ledger.domain.release import read_purpose, read_terms
from ledger.domain.vocabulary import CONDITION_TERMS, OPERATION_TERMS, USE_TERMS, names_of
from ledger.domain.wording import mondo_code
from ledger.errors import InvalidInput


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
