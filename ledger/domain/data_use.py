"""Data use: whether the terms of a dataset allow what a study does.

``match`` takes values, the time included, and touches nothing. Each condition (the permission, and every modifier that
stands) is satisfied, violated or unknown. One that is violated denies; else one that is unknown abstains; else the
use is permitted, with the obligations that came up on the way.

Invariants:

- A modifier only ever restricts. The one exception is CC, which widens the permission to clinical care.
- Unknown is never yes: what was not said, a code that the ontology does not hold, a list that names nothing, a term
  that the ontology gave up, no permission and two of them all abstain or deny.
- GRU contains HMB contains DS; NRES and POA stand alone. What is not in ``ACCEPTED`` is violated.

Source: https://obofoundry.org/ontology/duo (GA4GH Data Use Ontology)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from ledger.domain.data_use_forms import DatasetTerms, StudyPurpose, StudyUse, TimeLimit
from ledger.domain.duo_terms import Modifier, Permission
from ledger.domain.kleene import Truth, all_of, negation
from ledger.domain.moments import read_moment, write_moment
from ledger.domain.ontology import Ontology, within
from ledger.domain.regions import inside

NO_PERMISSION: Final = "permission"
"""The reason where a dataset has no primary permission."""

ACCEPTED: Final[dict[StudyUse, frozenset[Permission]]] = {
    StudyUse.GENERAL: frozenset({Permission.NRES, Permission.GRU}),
    StudyUse.BIOMEDICAL: frozenset({Permission.NRES, Permission.GRU, Permission.HMB}),
    StudyUse.DISEASE: frozenset({Permission.NRES, Permission.GRU, Permission.HMB}),
    StudyUse.ANCESTRY: frozenset({Permission.NRES, Permission.GRU, Permission.POA}),
    StudyUse.METHODS: frozenset(Permission),
    StudyUse.CLINICAL_CARE: frozenset({Permission.NRES}),
}
"""For each use, the permissions that contain it wholly. DS contains a disease use when its diseases do, and CC adds
clinical care to any permission; both depend on more than the permission."""


class MatchOutcome(StrEnum):
    """The answer. Only ``permit`` is a yes."""

    PERMIT = "permit"
    DENY = "deny"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Obligation:
    """What the recipient must do, by the modifier that asks for it."""

    id: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Match:
    """The answer on one dataset and one purpose.

    Attributes:
        outcome: Permit, deny or abstain.
        reasons: What was violated (of a deny) or unknown (of an abstention); empty for a permit.
        obligations: What a permit obliges to; empty otherwise.
        valid_until: The next instant (seconds UTC) at which time alone could change the answer; None: never.
    """

    outcome: MatchOutcome
    reasons: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    valid_until: int | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    terms: DatasetTerms
    purpose: StudyPurpose
    as_of: int | None
    ontology: Ontology


def match(terms: DatasetTerms, purpose: StudyPurpose, as_of: int | date | None, ontology: Ontology) -> Match:
    """Decide whether a study may use a dataset.

    Args:
        terms: What the dataset allows.
        purpose: What the study does.
        as_of: When the data is used: seconds UTC, or a date for its first second; None: not known, and then what
            depends on time is unknown.
        ontology: The ancestry of diseases and topics.

    Raises:
        InvalidInput: ``as_of`` is outside the years 1 to 9999.
    """
    case = _Case(terms, purpose, None if as_of is None else read_moment(as_of), ontology)
    named = tuple(one.value for one in Permission if one in terms.permissions) or (NO_PERMISSION,)
    found: list[tuple[str, Truth]] = [(name, _permission(case)) for name in named]
    for modifier in (one for one in Modifier if one in terms.modifiers):
        value = terms.modifiers[modifier]
        unknown = value is None and modifier is not Modifier.CC
        found.append((modifier.value, None if unknown else _RULES[modifier](value, case)))
    found += [(name, None) for name in (*terms.deprecated, *terms.unknown)]
    valid_until = _next_change(case)
    for truth, outcome in ((False, MatchOutcome.DENY), (None, MatchOutcome.ABSTAIN)):
        reasons = tuple(name for name, one in found if one is truth)
        if reasons:
            return Match(outcome, reasons, valid_until=valid_until)
    return Match(MatchOutcome.PERMIT, obligations=_obligations(terms), valid_until=valid_until)


def _permission(case: _Case) -> Truth:
    """Whether the dataset's primary permission accepts the use."""
    use, permissions = case.purpose.use, case.terms.permissions
    if len(permissions) != 1 or use is None:
        return None
    (permission,) = permissions
    if use is StudyUse.DISEASE and permission is Permission.DS:
        return _diseases_match(case)
    if permission in ACCEPTED[use]:
        # a study of a disease that names none has not said what it does
        return None if use is StudyUse.DISEASE and not case.purpose.diseases else True
    if use is StudyUse.CLINICAL_CARE and Modifier.CC in case.terms.modifiers:
        return None if case.terms.modifiers[Modifier.CC] is None else True
    return False


def _diseases_match(case: _Case) -> Truth:
    """Whether every disease of the study is one of the dataset's or a kind of one."""
    if case.terms.diseases is None:
        return None
    return all_of(within(one, case.terms.diseases, case.ontology) for one in case.purpose.diseases or ())


def _topics(named: frozenset[str], case: _Case) -> Truth:
    # a topic need not be of the ontology that is loaded: one that is named itself needs no ancestry
    return all_of(one in named or within(one, named, case.ontology) for one in case.purpose.topics or ())


def _no_methods(_: bool, case: _Case) -> Truth:
    if case.purpose.use is not StudyUse.METHODS:
        return None if case.purpose.use is None else True
    if Permission.DS not in case.terms.permissions or not case.purpose.diseases:
        return False
    return _diseases_match(case)


def _genetic_only(_: bool, case: _Case) -> Truth:
    return case.purpose.genotypes


def _non_profit(_: bool, case: _Case) -> Truth:
    return case.purpose.nonprofit


def _non_commercial(_: bool, case: _Case) -> Truth:
    return negation(case.purpose.commercial)


def _non_profit_and_non_commercial(_: bool, case: _Case) -> Truth:
    return all_of((case.purpose.nonprofit, negation(case.purpose.commercial)))


def _no_ancestry(_: bool, case: _Case) -> Truth:
    use = case.purpose.use
    used = None if use is None else use is StudyUse.ANCESTRY
    return all_of((negation(used), negation(case.purpose.ancestry)))


def _ethics(_: bool, case: _Case) -> Truth:
    approval, as_of = case.purpose.ethics_approval, case.as_of
    if approval is None or as_of is None:
        return None
    begun = None if approval.start is None else approval.start <= as_of
    over = None if approval.until is None else approval.until <= as_of
    return all_of((begun, negation(over)))


def _undertaken(modifier: Modifier) -> Callable[[bool, _Case], Truth]:
    def rule(_: bool, case: _Case) -> Truth:
        return True if modifier.value in (case.purpose.undertakings or ()) else None

    return rule


def _collaboration(named: frozenset[str], case: _Case) -> Truth:
    # nobody named is nobody agreed with, so an empty list is never satisfied
    return True if named and named <= (case.purpose.agreements or frozenset()) else None


def _region(named: frozenset[str], case: _Case) -> Truth:
    given = (case.purpose.recipient_region, case.purpose.processing_region)
    return all_of(None if region is None else inside(region, named) for region in given)


def _moratorium(until: int, case: _Case) -> Truth:
    planned = case.purpose.publication_date
    return planned is None or planned >= until


def _time_limit(limit: TimeLimit, case: _Case) -> Truth:
    expires = limit.expires
    return None if expires is None or case.as_of is None else case.as_of < expires


def _one_of(fact: str) -> Callable[[frozenset[str], _Case], Truth]:
    def rule(named: frozenset[str], case: _Case) -> Truth:
        given = getattr(case.purpose, fact)
        return None if given is None else given in named

    return rule


def _no_restriction(_: bool | None, __: _Case) -> Truth:
    return True


# The forms guarantee the type of each modifier's value. A modifier without a rule is a KeyError, not passed over.
_RULES: Final[dict[Modifier, Callable[[Any, _Case], Truth]]] = {
    Modifier.RS: _topics,
    Modifier.NMDS: _no_methods,
    Modifier.GSO: _genetic_only,
    Modifier.NPU: _non_profit,
    Modifier.NCU: _non_commercial,
    Modifier.NPUNCU: _non_profit_and_non_commercial,
    Modifier.NPOA: _no_ancestry,
    Modifier.IRB: _ethics,
    Modifier.PUB: _undertaken(Modifier.PUB),
    Modifier.RTN: _undertaken(Modifier.RTN),
    Modifier.COL: _collaboration,
    Modifier.GS: _region,
    Modifier.MOR: _moratorium,
    Modifier.TS: _time_limit,
    Modifier.US: _one_of("user"),
    Modifier.PS: _one_of("project"),
    Modifier.IS: _one_of("institution"),
    Modifier.CC: _no_restriction,
}


def _obligations(terms: DatasetTerms) -> tuple[Obligation, ...]:
    found = [Obligation(one.value, {}) for one in (Modifier.PUB, Modifier.RTN) if one in terms.modifiers]
    until = terms.modifiers.get(Modifier.MOR)
    if isinstance(until, int):
        found.append(Obligation(Modifier.MOR.value, {"not_before": write_moment(until)}))
    limit = terms.modifiers.get(Modifier.TS)
    if isinstance(limit, TimeLimit) and limit.expires is not None:
        found.append(Obligation(Modifier.TS.value, {"expires": write_moment(limit.expires)}))
    return tuple(found)


def _next_change(case: _Case) -> int | None:
    """The next instant at which an approval begins or ends, or a time limit ends, of the modifiers that stand."""
    if case.as_of is None:
        return None
    edges: list[int | None] = []
    limit = case.terms.modifiers.get(Modifier.TS)
    if isinstance(limit, TimeLimit):
        edges.append(limit.expires)
    approval = case.purpose.ethics_approval
    if Modifier.IRB in case.terms.modifiers and approval is not None:
        edges += [approval.start, approval.until]
    return min((edge for edge in edges if edge is not None and edge > case.as_of), default=None)
