"""The forms of data use: what a dataset allows, and what a study does.

Invariants:

- What is read is read whole: an unknown or repeated key, an unknown code, or a value of another type is refused with
  the path of the element; nothing is skipped.
- An absent or null fact of a study is unknown, and so is an empty text. Of a dataset, a
  modifier that is absent or ``false`` does not restrict; one that is null is unknown, for somebody may have meant it.
- An empty list names nobody and nothing. It is kept, and ``data_use`` never takes it for "any".
- A term that the ontology gave up is kept apart, so that it can only abstain; with ``strict``, which is for writing, it
  is refused.

Times are ISO 8601 dates or date-times, or whole seconds UTC (``moments``).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec

from ledger.domain.duo_terms import DuoTerm, Modifier, Permission, duo_term
from ledger.domain.moments import add_months, read_moment
from ledger.domain.ontology import curie
from ledger.errors import InvalidInput

MOST_MONTHS: Final = 12_000
_T = TypeVar("_T")


class Moment(int):
    """Seconds UTC."""


class Code(str):
    """A code of an ontology, as a CURIE."""

    __slots__ = ()


class Undertaking(str):
    """The short name of a modifier that a study can undertake to meet: PUB or RTN."""

    __slots__ = ()


Name: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=1000)]
Names: TypeAlias = frozenset[Name]
Codes: TypeAlias = frozenset[Code]


class StudyUse(StrEnum):
    """What a study does; the words of the vocabulary's uses."""

    GENERAL = "general"
    BIOMEDICAL = "biomedical"
    DISEASE = "disease"
    ANCESTRY = "ancestry"
    METHODS = "methods"
    CLINICAL_CARE = "clinical-care"


class TimeLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The value of TS: so many calendar months from the grant."""

    months: Annotated[int, msgspec.Meta(ge=0, le=MOST_MONTHS)] | None = None
    granted: Moment | None = None

    def __post_init__(self) -> None:
        try:
            _ = self.expires
        except InvalidInput as problem:
            raise ValueError(str(problem)) from problem  # msgspec adds the path

    @property
    def expires(self) -> int | None:
        """The first second after the limit, UTC; None where it is not known."""
        if self.months is None or self.granted is None:
            return None
        return add_months(self.granted, self.months)


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ethics approval; it covers ``from`` up to, but not including, ``until``."""

    start: Moment | None = msgspec.field(default=None, name="from")
    until: Moment | None = None


class StudyPurpose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a study does with the data, and what is on record of it; None is not known."""

    use: StudyUse | None = None
    diseases: Codes | None = None
    topics: Codes | None = None
    user: Name | None = None
    project: Name | None = None
    institution: Name | None = None
    nonprofit: bool | None = None
    commercial: bool | None = None
    genotypes: bool | None = None
    ancestry: bool | None = None
    recipient_region: Name | None = None
    processing_region: Name | None = None
    ethics_approval: Approval | None = None
    agreements: Names | None = None
    undertakings: frozenset[Undertaking] | None = None
    publication_date: Moment | None = None


Restriction: TypeAlias = bool | Names | Codes | Moment | TimeLimit
"""The value of a modifier: true, the names or codes it is limited to, a moment or a time limit."""


@dataclass(frozen=True, slots=True)
class DatasetTerms:
    """What a dataset allows.

    Attributes:
        permissions: Its primary permissions; only with exactly one of them can it permit anything.
        diseases: What DS is limited to, as CURIEs; None where it was not said.
        modifiers: The restrictions that stand, each with its value; None where the value is not known.
        deprecated: Terms that the ontology gave up, which nobody can match any more.
        unknown: Parts that were given as null.
    """

    permissions: frozenset[Permission] = frozenset()
    diseases: frozenset[str] | None = None
    modifiers: Mapping[Modifier, Restriction | None] = field(default_factory=dict)
    deprecated: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


_VALUES: Final[dict[Modifier, Any]] = {
    **dict.fromkeys(Modifier, bool),
    **dict.fromkeys((Modifier.COL, Modifier.GS, Modifier.US, Modifier.PS, Modifier.IS), Names),
    Modifier.RS: Codes,
    Modifier.MOR: Moment,
    Modifier.TS: TimeLimit,
}


class _Dataset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    permission: str | list[str] | None = None
    diseases: Codes | None = None
    modifiers: dict[str, Any] | None = msgspec.field(default_factory=dict)


def parse_dataset(
    document: bytes | str | Mapping[str, Any], *, strict: bool = False, what: str = "dataset"
) -> DatasetTerms:
    """Read the terms of a dataset.

    Args:
        document: The JSON object, or its bytes.
        strict: For writing: refuse also what could never permit anything or contradicts itself.
        what: The path of the object, for messages.

    Raises:
        UnknownCode: A term is not of the Data Use Ontology.
        InvalidInput: A key is unknown or given twice, or a value has another form; the message gives its path.
    """
    form = _convert(read_object(document, what), _Dataset, what)
    given = [form.permission] if isinstance(form.permission, str) else form.permission or []
    terms = [_term(text, Permission, f"{what}.permission") for text in given]
    permissions = frozenset(term.means for term in terms if isinstance(term.means, Permission))
    deprecated = [term.name for term in terms if term.means is None]
    modifiers: dict[Modifier, Restriction | None] = {}
    seen: set[str] = set()
    for key, value in (form.modifiers or {}).items():
        path = f"{what}.modifiers.{key[:40]}"
        term = _term(key, Modifier, path)
        if term.id in seen:
            raise InvalidInput(f"{path}: {term.name} is given twice, under two spellings: keep one")
        seen.add(term.id)
        if isinstance(term.means, Modifier):
            if value is not False:
                modifiers[term.means] = None if value is None else _convert(value, _VALUES[term.means], path)
        elif value is not False:
            deprecated.append(term.name)
    found = DatasetTerms(
        permissions=permissions,
        diseases=form.diseases,
        modifiers=modifiers,
        deprecated=tuple(sorted(set(deprecated))),
        unknown=("modifiers",) if form.modifiers is None else (),
    )
    if strict:
        _check(found, what)
    return found


def parse_purpose(document: bytes | str | Mapping[str, Any], *, what: str = "purpose") -> StudyPurpose:
    """Read the purpose of a study.

    Args:
        document: The JSON object, or its bytes.
        what: The path of the object, for messages.

    Raises:
        InvalidInput: A key is unknown or given twice, or a value has another form; the message gives its path.
    """
    given = read_object(document, what)
    said = _without_empty(given)
    approval = said.get("ethics_approval")
    if isinstance(approval, Mapping):
        said["ethics_approval"] = _without_empty(approval)
    return _convert(said, StudyPurpose, what)


def _without_empty(given: Mapping[str, Any]) -> dict[str, Any]:
    """An object whose empty texts, which say nothing, are null; its keys are still to be looked at."""
    return {key: None if value == "" else value for key, value in given.items()}


def read_object(document: bytes | str | Mapping[str, Any], what: str) -> Mapping[str, Any]:
    """Read a JSON object, refusing a key that is given twice: one reader takes the first, another the last.

    Raises:
        InvalidInput: It is no JSON, no object, or holds a key twice.
    """
    if isinstance(document, (bytes, str)):
        try:
            document = json.loads(document, object_pairs_hook=_once, parse_constant=_no_number)
        except RecursionError as problem:
            raise InvalidInput(f"{what} is nested too deeply: its form has four levels") from problem
        except ValueError as problem:  # not UTF-8, no JSON, a key twice, or a number of too many digits
            raise InvalidInput(f"{what} is not JSON that can be read in one way: {problem}") from problem
    if not isinstance(document, Mapping):
        raise InvalidInput(f"{what} must be an object")
    return document


def _term(text: str, kind: type[Permission | Modifier], path: str) -> DuoTerm:
    term = duo_term(text, what=path)
    if term.means is not None and not isinstance(term.means, kind):
        raise InvalidInput(f"{path}: {term.name} is a {term.kind}, not a {kind.__name__.lower()}")
    return term


def _check(terms: DatasetTerms, what: str) -> None:
    """Refuse to write terms that could never permit anything, or that contradict themselves."""
    if terms.deprecated:
        raise InvalidInput(f"{what}: the ontology gave up {', '.join(terms.deprecated)}: use a live term")
    if len(terms.permissions) != 1:
        raise InvalidInput(f"{what}.permission must be exactly one permission")
    if (Permission.DS in terms.permissions) != bool(terms.diseases):
        raise InvalidInput(f"{what}.diseases must name diseases for DS, and is for DS alone")
    nulls = [*terms.unknown, *(name for name, value in terms.modifiers.items() if value is None)]
    if nulls:
        raise InvalidInput(f"{what}: {', '.join(nulls)} must not be null: leave out what does not apply")
    empty = [name for name, value in terms.modifiers.items() if value == frozenset()]
    if empty:
        raise InvalidInput(f"{what}.modifiers: {', '.join(empty)} names nobody and nothing: name at least one")


def _convert(value: object, kind: type[_T], what: str) -> _T:
    try:
        return msgspec.convert(value, kind, dec_hook=_read)
    except msgspec.ValidationError as problem:
        reason, _, path = str(problem).partition(" - at `$")
        raise InvalidInput(f"{what}{path.rstrip('`')}: {reason}") from problem
    except UnicodeEncodeError as problem:
        raise InvalidInput(f"{what} holds half of a surrogate pair, which is no text") from problem


def _read(kind: type, value: object) -> object:
    """Read the types that JSON does not have; msgspec adds the path to what is raised."""
    try:
        return _READERS[kind](value)
    except InvalidInput as problem:
        raise ValueError(str(problem)) from problem


def _undertaking(value: object) -> Undertaking:
    term = duo_term(value) if isinstance(value, str) else None
    if term is None or term.means not in {Modifier.PUB, Modifier.RTN}:
        raise InvalidInput("a study can undertake PUB and RTN, nothing else")
    return Undertaking(term.name)


def _code(value: object) -> Code:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput("a code is a text such as MONDO:0005138")
    return Code(curie(value))


_READERS: Final[dict[type, Callable[[object], object]]] = {
    Moment: lambda value: Moment(read_moment(value)),
    Undertaking: _undertaking,
    Code: _code,
}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no JSON")
