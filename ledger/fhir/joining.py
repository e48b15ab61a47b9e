"""Permits of one resource that belong together.

One permit must cover a request whole. Where two provisions permit two categories, or two purposes, FHIR permits a
request for both as long as both hold; so there must be a permit of what both allow together.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from typing import Final

from ledger.domain.consent import Scope
from ledger.domain.vocabulary import Effect
from ledger.fhir.draft import Draft

_UNITED: Final = ("categories", "purposes")


def joined(drafts: Iterable[Draft]) -> list[Draft]:
    """The drafts, once each, with the permits that two of them allow together, without those inside others."""
    kept = list({(draft.scope, draft.state): draft for draft in drafts}.values())
    permits = [draft for draft in kept if draft.scope.effect == Effect.PERMIT]
    more: dict[Scope, Draft] = {}
    for one, other in combinations(permits, 2):
        for dimension in _UNITED:
            scope = _together(one.scope, other.scope, dimension)
            if scope is not None:
                more.setdefault(scope, Draft(scope, one.expression, one.state))
    every = [*kept, *(draft for draft in more.values() if draft not in kept)]
    return [draft for draft in every if not any(_within(draft.scope, other.scope) for other in every)]


def _together(first: Scope, second: Scope, united: str) -> Scope | None:
    """What both permits allow when one dimension is put together; None where that is nothing, or nothing new."""
    either: int = getattr(first, united) | getattr(second, united)
    if either in {getattr(first, united), getattr(second, united)} or _whose(first) != _whose(second):
        return None
    scope = replace(
        first,
        purposes=first.purposes & second.purposes,
        categories=first.categories & second.categories,
        conditions=first.conditions & second.conditions,
        operations=first.operations & second.operations,
        valid_from=max(first.valid_from, second.valid_from),
        valid_until=min(first.valid_until, second.valid_until),
        data_from=max(first.data_from, second.data_from),
        data_until=min(first.data_until, second.data_until),
    )
    scope = replace(scope, categories=either) if united == "categories" else replace(scope, purposes=either)
    full = scope.purposes and scope.categories and scope.operations
    return scope if full and scope.valid_from < scope.valid_until and scope.data_from < scope.data_until else None


def _whose(scope: Scope) -> tuple[int, bytes, int, bytes]:
    """What two permits must have in common."""
    return scope.recipient_kind, scope.recipient, scope.diseases, scope.terms


def _within(inner: Scope, outer: Scope) -> bool:
    """Whether a permit lies within another that is not the same."""
    return (
        inner != outer
        and inner.effect == outer.effect == Effect.PERMIT
        and _whose(inner) == _whose(outer)
        and not inner.purposes & ~outer.purposes
        and not inner.categories & ~outer.categories
        and not inner.conditions & ~outer.conditions
        and not inner.operations & ~outer.operations
        and outer.valid_from <= inner.valid_from
        and inner.valid_until <= outer.valid_until
        and outer.data_from <= inner.data_from
        and inner.data_until <= outer.data_until
    )
