"""A scope in one plain sentence."""

from datetime import UTC, datetime, timedelta

from ledger.domain.consent import Scope, unpack_diseases
from ledger.domain.identifiers import to_hex
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
)
from ledger.domain.wording import mondo_code
from ledger.fhir.times import LAST_WRITABLE

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def plain(scope: Scope) -> str:
    """What a scope says: ``Permits health and medical research by anybody, on all data, ...``."""
    deny = scope.effect == Effect.DENY
    by = {RecipientKind.INSTITUTION: "institution ", RecipientKind.STUDY: "study "}
    recipient = by[RecipientKind(scope.recipient_kind)] + to_hex(scope.recipient) if any(scope.recipient) else "anybody"
    parts = [
        f"{'Denies' if deny else 'Permits'} {_words(scope.purposes, PURPOSE_TERMS, ANY16, 'every use')}",
        f"by {recipient}",
        f"on {_words(scope.categories, CATEGORY_TERMS, ANY32, 'all data')}",
        f"recorded {_window(scope.data_from, scope.data_until)}",
        f"by {_words(scope.operations, OPERATION_TERMS, ANY16, 'every kind of computation')}",
        _conditions(scope),
        f"valid {_window(scope.valid_from, scope.valid_until)}",
    ]
    if scope.diseases:
        parts.insert(1, f"({', '.join(mondo_code(number) for number in unpack_diseases(scope.diseases))})")
    return "; ".join(parts) + "."


def _conditions(scope: Scope) -> str:
    if scope.effect == Effect.DENY:
        if scope.conditions == ANY16:
            return "whatever it needs"
        return f"where it needs {_words(scope.conditions, CONDITION_TERMS, ANY16, '')}"
    if not scope.conditions:
        return "without money, companies, transfer abroad and the like"
    return f"tolerating {_words(scope.conditions, CONDITION_TERMS, ANY16, 'all that it may need')}"


def _words(mask: int, terms: tuple[Term, ...], anything: int, every: str) -> str:
    if mask == anything:
        return every
    named = [term.words for term in terms if mask & term.bit]
    left = [term.words for term in terms if not mask & term.bit]
    if not left:
        return f"all of {len(terms)} kinds known today"
    if len(left) <= 2 and len(terms) > 8:
        return f"everything known today but {' and '.join(left)}"
    return ", ".join(named)


def _window(start: int, end: int) -> str:
    if start == 0 and end == FOREVER:
        return "at any time"
    since = f"from {_date(start)}" if start else ""
    until = f"until before {_date(end)}" if end != FOREVER else ""
    return f"{since} {until}".strip()


def _date(instant: int) -> str:
    if instant > LAST_WRITABLE:
        return f"second {instant}"
    moment = _BEGINNING + timedelta(seconds=instant)
    return moment.strftime("%Y-%m-%d" if instant % 86_400 == 0 else "%Y-%m-%dT%H:%M:%SZ")
