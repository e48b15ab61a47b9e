"""The JSON words of scopes and requests, to masks and back.

The API, the gate, the exports and the pages all speak these words; nothing else does. ``"any"`` is explicit, an
unknown word is an error, and what is written reads back to the same value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.domain.consent import ZERO_ID, Scope, pack_diseases, unpack_diseases
from ledger.domain.identifiers import parse_bytes, parse_id, to_hex
from ledger.domain.policy import Request
from ledger.domain.vocabulary import (
    ANY16,
    ANY32,
    CATEGORY_TERMS,
    CONDITION_TERMS,
    FOREVER,
    OPERATION_TERMS,
    PURPOSE_TERMS,
    Effect,
    RecipientKind,
    Term,
    names_of,
)
from ledger.errors import InvalidInput, UnknownCode

ANY = "any"
_SCOPE_KEYS = frozenset(
    {
        "effect",
        "recipient",
        "purposes",
        "diseases",
        "conditions",
        "categories",
        "operations",
        "validity",
        "data_window",
        "terms",
    }
)


def mask_of(words: str | Sequence[str], terms: tuple[Term, ...], anything: int, *, what: str) -> int:
    """The mask of a list of names, or of ``"any"``.

    Raises:
        UnknownCode: A name is not in the vocabulary.
        InvalidInput: It is neither a list of strings nor ``"any"``.
    """
    if words == ANY:
        return anything
    if isinstance(words, str) or not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
        raise InvalidInput(f"{what} must be a list of names, or 'any'")
    table = {term.name: term.bit for term in terms}
    mask = 0
    for word in words:
        if word not in table:
            raise UnknownCode(f"{what} has no {word!r}; known are {', '.join(table)}")
        mask |= table[word]
    return mask


def words_of(mask: int, terms: tuple[Term, ...], anything: int) -> str | list[str]:
    """The names of a mask, or ``"any"``."""
    return ANY if mask == anything else names_of(mask, terms)


def categories_of(words: Sequence[str]) -> int:
    """The mask of the data categories that a request names; a request cannot say ``"any"``."""
    if words == ANY:
        raise InvalidInput("a request must name its categories; 'any' is for consents")
    return mask_of(words, CATEGORY_TERMS, ANY32, what="categories")


def operation_of(word: str) -> int:
    """The bit of one operation."""
    return mask_of([word], OPERATION_TERMS, ANY16, what="operation")


def operation_word(bit: int) -> str:
    """The name of one operation's bit; "" for something that is not one known bit."""
    names = names_of(bit, OPERATION_TERMS)
    return names[0] if len(names) == 1 else ""


def mondo_number(code: str) -> int:
    """The number in a Mondo code such as ``MONDO:0005138``.

    Raises:
        UnknownCode: The text is not a Mondo code.
    """
    prefix, _, digits = code.partition(":") if isinstance(code, str) else ("", "", "")
    if prefix != "MONDO" or not (digits.isascii() and digits.isdecimal()) or len(digits) != 7 or int(digits) == 0:
        raise UnknownCode(f"a disease is written like MONDO:0005138, not {code!r}")
    return int(digits)


def mondo_code(number: int) -> str:
    """The code of a Mondo number."""
    return f"MONDO:{number:07d}"


def scope_from_json(document: Mapping[str, Any]) -> Scope:
    """Read and check a scope.

    Args:
        document: The JSON object, with the keys that ``scope_to_json`` writes.

    Raises:
        UnknownCode: A word is outside the vocabulary.
        InvalidInput: A field is missing, unknown or makes no sense.
    """
    if not isinstance(document, Mapping):
        raise InvalidInput("scope must be an object")
    unknown = set(document) - _SCOPE_KEYS
    if unknown:
        raise InvalidInput(f"scope has unknown fields: {', '.join(sorted(unknown))}")
    missing = _SCOPE_KEYS - {"diseases", "data_window"} - set(document)
    if missing:
        raise InvalidInput(f"scope misses {', '.join(sorted(missing))}")
    effects = {effect.name.lower(): effect for effect in Effect}
    if document["effect"] not in effects:
        raise UnknownCode("effect must be permit or deny")
    kind, recipient = _recipient(document["recipient"])
    valid_from, valid_until = _window(document["validity"], "validity")
    data_from, data_until = _window(document.get("data_window") or {}, "data_window")
    scope = Scope(
        effect=effects[document["effect"]],
        recipient_kind=kind,
        recipient=recipient,
        purposes=mask_of(document["purposes"], PURPOSE_TERMS, ANY16, what="purposes"),
        conditions=mask_of(document["conditions"], CONDITION_TERMS, ANY16, what="conditions"),
        operations=mask_of(document["operations"], OPERATION_TERMS, ANY16, what="operations"),
        categories=mask_of(document["categories"], CATEGORY_TERMS, ANY32, what="categories"),
        valid_from=valid_from,
        valid_until=valid_until,
        data_from=data_from,
        data_until=data_until,
        diseases=pack_diseases(mondo_number(code) for code in document.get("diseases") or ()),
        terms=parse_bytes(document["terms"], what="terms", size=32),
    )
    scope.check()
    return scope


def scope_to_json(scope: Scope) -> dict[str, Any]:
    """The JSON object of a scope; ``scope_from_json`` reads it back."""
    recipient: str | dict[str, str] = ANY
    if scope.recipient_kind == RecipientKind.INSTITUTION:
        recipient = {"institution": to_hex(scope.recipient)}
    elif scope.recipient_kind == RecipientKind.STUDY:
        recipient = {"study": to_hex(scope.recipient)}
    document: dict[str, Any] = {
        "effect": Effect(scope.effect).name.lower(),
        "recipient": recipient,
        "purposes": words_of(scope.purposes, PURPOSE_TERMS, ANY16),
        "conditions": words_of(scope.conditions, CONDITION_TERMS, ANY16),
        "operations": words_of(scope.operations, OPERATION_TERMS, ANY16),
        "categories": words_of(scope.categories, CATEGORY_TERMS, ANY32),
        "validity": window_to_json(scope.valid_from, scope.valid_until),
        "data_window": window_to_json(scope.data_from, scope.data_until),
        "terms": to_hex(scope.terms),
    }
    if scope.diseases:
        document["diseases"] = [mondo_code(number) for number in unpack_diseases(scope.diseases)]
    return document


def window_to_json(start: int, end: int) -> dict[str, int | None]:
    """A window as ``{"from": .., "until": ..}``; an unbounded end is null."""
    return {"from": start, "until": None if end == FOREVER else end}


def window_from_json(document: Mapping[str, Any] | None, what: str = "data_window") -> tuple[int, int]:
    """A window; absent or null ends are unbounded.

    Raises:
        InvalidInput: An end is not a whole number of seconds.
    """
    return _window(document or {}, what)


def request_to_json(request: Request) -> dict[str, Any]:
    """The JSON object of a request; ``request_from_json`` reads it back."""
    named = {} if request.dataset is None else {"dataset": to_hex(request.dataset)}
    return named | {
        "study": to_hex(request.study),
        "engine": to_hex(request.engine),
        "operation": operation_word(request.operation),
        "categories": names_of(request.categories, CATEGORY_TERMS),
        "data_window": window_to_json(request.data_from, request.data_until),
    }


def request_from_json(document: Mapping[str, Any]) -> Request:
    """Read a request; keys that it does not know are left to the caller.

    Raises:
        UnknownCode: A word is outside the vocabulary.
        InvalidInput: A field is missing or makes no sense.
    """
    for key in ("study", "engine", "operation", "categories"):
        if key not in document:
            raise InvalidInput(f"a request needs {key}")
    data_from, data_until = window_from_json(document.get("data_window"))
    if data_from >= data_until:
        raise InvalidInput("the data window must start before it ends")
    categories = categories_of(document["categories"])
    if not categories:
        raise InvalidInput("a request must name at least one category")
    return Request(
        study=parse_id(document["study"], what="study"),
        engine=parse_id(document["engine"], what="engine"),
        operation=operation_of(document["operation"]),
        categories=categories,
        data_from=data_from,
        data_until=data_until,
        dataset=None if document.get("dataset") is None else parse_id(document["dataset"], what="dataset"),
    )


def _window(document: Any, what: str) -> tuple[int, int]:
    if not isinstance(document, Mapping) or set(document) - {"from", "until"}:
        raise InvalidInput(f"{what} must be an object with from and until")
    start, end = document.get("from"), document.get("until")
    for value in (start, end):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= FOREVER):
            raise InvalidInput(f"{what} must be in whole seconds UTC, or null")
    return (0 if start is None else start), (FOREVER if end is None else end)


def _recipient(value: Any) -> tuple[int, bytes]:
    if value == ANY:
        return RecipientKind.ANY, ZERO_ID
    if isinstance(value, Mapping) and len(value) == 1:
        (kind, text), *_ = value.items()
        if kind == "institution":
            return RecipientKind.INSTITUTION, parse_id(text, what="recipient.institution")
        if kind == "study":
            return RecipientKind.STUDY, parse_id(text, what="recipient.study")
    raise InvalidInput("recipient must be 'any', {'institution': id} or {'study': id}")
