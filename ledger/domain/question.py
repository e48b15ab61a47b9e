"""One question asked offline: the request, the facts of the study and the engine inline, and the instant.

The same words as the API's (``domain.wording``); the ids may be left out where no consent names them. What is not
known is an error, and a study says itself what it is for: nothing is filled in that could make a permit of a deny.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.domain.consent import Consent, ConsentState
from ledger.domain.directory import Engine, EngineState, Institution, InstitutionState, Study, StudyState
from ledger.domain.identifiers import parse_bytes, parse_id
from ledger.domain.policy import Request, Setting
from ledger.domain.vocabulary import (
    ANY16,
    CONDITION_TERMS,
    FOREVER,
    OPERATION_TERMS,
    USE_TERMS,
    Capacity,
)
from ledger.domain.wording import categories_of, mask_of, mondo_number, operation_of, scope_from_json, window_from_json
from ledger.errors import InvalidInput

UNPUBLISHED: Final = 1
"""The version of a text of which the question says nothing: the lowest that there is."""
NAMELESS: Final = b"\xff" * 32
"""Stands for a study, engine, institution or subject whose id the question leaves out."""
_QUESTION: Final = frozenset(
    {"at", "subject", "operation", "categories", "data_window", "study", "engine", "institution", "terms"}
)
_STUDY: Final = frozenset(
    {"id", "institution", "title", "uses", "conditions", "diseases", "required_terms", "ethics_until", "state"}
)
_NATIVE: Final = frozenset(
    {"id", "subject", "version", "state", "scope", "valid_until", "terms_version", "granted_block"}
    | {"act", "form", "issued_at", "deadline", "signer", "signature"}
)


@dataclass(frozen=True, slots=True)
class Question:
    """What ``policy.decide`` needs besides consents.

    ``terms`` gives the version under which a text (by its SHA-256) was published; ``subject`` is None where the
    question leaves it out.
    """

    request: Request
    setting: Setting
    at: int
    subject: bytes | None
    terms: Mapping[bytes, int]

    def version_of(self, terms: bytes) -> int:
        """The version under which a text was published."""
        return self.terms.get(terms, UNPUBLISHED)


def question_from_json(document: object) -> Question:
    """Read a question.

    Args:
        document: The JSON object; ``docs/fhir.md`` describes it.

    Raises:
        UnknownCode: A word is outside the vocabulary.
        InvalidInput: A field is missing, unknown or makes no sense.
    """
    asked = _object(document, "the question", _QUESTION, needs=("at", "operation", "categories", "study"))
    study = _study(asked["study"])
    operation = operation_of(asked["operation"])
    engine = _engine(asked.get("engine", {}), study, operation)
    data_from, data_until = window_from_json(asked.get("data_window"))
    if data_from >= data_until:
        raise InvalidInput("the data window must start before it ends")
    categories = categories_of(asked["categories"])
    if not categories:
        raise InvalidInput("the question must name at least one category")
    subject = asked.get("subject")
    return Question(
        request=Request(study.id, engine.id, operation, categories, data_from, data_until),
        setting=Setting(study, _institution(asked.get("institution", {}), study.institution), engine),
        at=_seconds(asked["at"], "at"),
        subject=None if subject is None else parse_id(subject, what="subject"),
        terms=_terms(asked.get("terms", [])),
    )


def consents_from_json(document: object, question: Question) -> list[Consent]:
    """Native consents: what ``GET /v1/subjects/ID`` answers, a list, one consent, a signed act, or a bare scope.

    Raises:
        UnknownCode: A word is outside the vocabulary.
        InvalidInput: It is none of these, or is about another subject than the question.
    """
    if isinstance(document, Mapping) and isinstance(document.get("consents"), Sequence):
        of = document.get("subject")
        _check_subject(None if of is None else parse_id(of, what="subject"), question)
        return consents_from_json(document["consents"], question)
    if isinstance(document, Mapping):
        return [_consent(document, question, 0)]
    if isinstance(document, Sequence) and not isinstance(document, str):
        return [_consent(item, question, place) for place, item in enumerate(document)]
    raise InvalidInput("consents are an object or a list of objects")


def _consent(item: object, question: Question, place: int) -> Consent:
    if isinstance(item, Mapping) and "effect" in item:
        item = {"scope": item}
    held = _object(item, "a consent", _NATIVE, needs=("scope",))
    scope = scope_from_json(held["scope"])
    of = parse_id(held["subject"], what="subject") if "subject" in held else question.subject
    _check_subject(of, question)
    states = {state.name.lower(): state for state in ConsentState}
    state = held.get("state", "active")
    if state not in states:
        raise InvalidInput(f"a consent is {' or '.join(states)}, not {state!r}")
    end = held.get("valid_until")
    version = held.get("version", 1)
    if isinstance(version, bool) or not isinstance(version, int) or not 0 < version < 1 << 24:
        raise InvalidInput("a consent's version is a whole number from 1")
    return Consent(
        subject=of or NAMELESS,
        id=parse_id(held["id"], what="id") if "id" in held else (place + 1).to_bytes(32, "big"),
        version=version,
        scope=scope,
        terms_version=question.version_of(scope.terms),
        valid_until=scope.valid_until if end is None else min(_seconds(end, "valid_until"), scope.valid_until),
        capacity=Capacity.SELF,
        state=states[state],
    )


def _check_subject(subject: bytes | None, question: Question) -> None:
    if question.subject is not None and subject is not None and subject != question.subject:
        raise InvalidInput("a consent is another subject's than the one that the question is about")


def _study(document: object) -> Study:
    held = _object(document, "study", _STUDY, needs=("uses",))
    states = {state.name.lower(): state for state in StudyState}
    state = held.get("state", "active")
    if state not in states:
        raise InvalidInput(f"a study is {', '.join(states)}, not {state!r}")
    until = held.get("ethics_until")
    required = held.get("required_terms", 0)
    if isinstance(required, bool) or not isinstance(required, int) or required < 0:
        raise InvalidInput("study.required_terms is a whole number")
    study = Study(
        id=_id(held, "id", "study.id"),
        institution=_id(held, "institution", "study.institution"),
        number=0,
        title=str(held.get("title", "")),
        uses=mask_of(held["uses"], USE_TERMS, -1, what="study.uses"),
        conditions=mask_of(held.get("conditions", []), CONDITION_TERMS, -1, what="study.conditions"),
        required_terms=required,
        ethics=NAMELESS,
        ethics_until=FOREVER if until is None else _seconds(until, "study.ethics_until"),
        diseases=tuple(_closure(item) for item in _list(held.get("diseases", []), "study.diseases")),
        state=states[state],
    )
    study.check()
    return study


def _closure(item: object) -> tuple[int, ...]:
    """A disease, or a list of it and its ancestors."""
    codes = [item] if isinstance(item, str) else _list(item, "each of study.diseases")
    if not codes:
        raise InvalidInput("each of study.diseases names a disease first, then its ancestors")
    return tuple(mondo_number(code) for code in codes)


def _engine(document: object, study: Study, operation: int) -> Engine:
    held = _object(document, "engine", frozenset({"id", "institution", "operations", "state"}))
    state = held.get("state", "active")
    states = {one.name.lower(): one for one in EngineState}
    if state not in states:
        raise InvalidInput(f"an engine is {' or '.join(states)}, not {state!r}")
    operations = operation
    if "operations" in held:
        operations = mask_of(held["operations"], OPERATION_TERMS, ANY16, what="engine.operations")
    return Engine(
        id=_id(held, "id", "engine.id"),
        institution=_id(held, "institution", "engine.institution") if "institution" in held else study.institution,
        name="",
        signer=b"",
        operations=operations,
        state=states[state],
    )


def _institution(document: object, id: bytes) -> Institution:
    held = _object(document, "institution", frozenset({"state"}))
    states = {one.name.lower(): one for one in InstitutionState}
    state = held.get("state", "active")
    if state not in states:
        raise InvalidInput(f"an institution is {' or '.join(states)}, not {state!r}")
    return Institution(id, 0, "", b"", states[state])


def _terms(document: object) -> dict[bytes, int]:
    made = {}
    for item in _list(document, "terms"):
        held = _object(item, "each of terms", frozenset({"hash", "version"}), needs=("hash", "version"))
        version = held["version"]
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise InvalidInput("a text's version is a whole number from 1")
        made[parse_bytes(held["hash"], what="terms.hash", size=32)] = version
    return made


def _object(document: object, what: str, known: frozenset[str], needs: tuple[str, ...] = ()) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise InvalidInput(f"{what} must be an object")
    unknown = sorted(str(key) for key in document if key not in known)
    if unknown:
        raise InvalidInput(f"{what} has unknown fields: {', '.join(unknown)}")
    missing = [key for key in needs if key not in document]
    if missing:
        raise InvalidInput(f"{what} misses {', '.join(missing)}")
    return document


def _list(value: object, what: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise InvalidInput(f"{what} must be a list")
    return value


def _id(held: Mapping[str, Any], key: str, what: str) -> bytes:
    return parse_id(held[key], what=what) if key in held else NAMELESS


def _seconds(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= FOREVER:
        raise InvalidInput(f"{what} must be in whole seconds UTC")
    return value
