"""Unknown is never yes: what no contract would record, a damaged row or a later version's code, denies and is named.

Held for the readable rule and the fast one alike. In the contract such a consent cannot stand at all:
``contracts/test/symbolic/ScopeRules.t.sol`` proves it for every value.
"""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import policy
from ledger.domain.consent import Consent, ConsentState, Scope
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.events import Block
from ledger.domain.policy import Request, Setting
from ledger.domain.projection import Subject
from ledger.domain.vocabulary import (
    ANY16,
    ANY32,
    FOREVER,
    KNOWN_CATEGORIES,
    KNOWN_CONDITIONS,
    KNOWN_OPERATIONS,
    KNOWN_PURPOSES,
    KNOWN_USES,
    Effect,
    RecipientKind,
    Use,
)
from ledger.snapshot.snapshot import Snapshot
from tests.support.mutants import mutant
from tests.unit.domain.cases import AT, REQUEST, SETTING, asked, consent, deny, scope, setting

BLOCK = Block(1, b"\x01" * 32, bytes(32), AT)


def fast(request: Request, where: Setting, consents: list[Consent], at: int) -> Decision:
    """The snapshot's answer."""
    directory = [fact for fact in (where.study, where.institution, where.engine) if fact is not None]
    subject = consents[0].subject
    snapshot = Snapshot.build(BLOCK, [*directory, Subject(subject, where.institution.id), *consents])
    (found,) = snapshot.decide(request, [subject], at)
    return found


def outside(known: int, everything: int) -> st.SearchStrategy[int]:
    """Masks with a bit that has no meaning, and that are not "any"."""
    return st.integers(0, everything - 1).filter(lambda mask: bool(mask & ~known))


UNKNOWN_IN_SCOPE = {
    "effect": st.integers(0, 255).filter(lambda value: value not in set(Effect)),
    "recipient_kind": st.integers(0, 255).filter(lambda value: value not in set(RecipientKind)),
    "recipient": st.just(bytes(31) + b"\x01"),  # named, where the kind says any
    "purposes": outside(KNOWN_PURPOSES, ANY16) | st.just(0),
    "conditions": outside(KNOWN_CONDITIONS, ANY16),
    "operations": outside(KNOWN_OPERATIONS, ANY16) | st.just(0),
    "categories": outside(KNOWN_CATEGORIES, ANY32) | st.just(0),
    "valid_from": st.integers(FOREVER, FOREVER + 5) | st.integers(-5, -1),
    "valid_until": st.just(0) | st.integers(FOREVER + 1, FOREVER + 5),
    "data_from": st.integers(FOREVER, FOREVER + 5) | st.integers(-5, -1),
    "data_until": st.just(0) | st.integers(FOREVER + 1, FOREVER + 5),
    "diseases": st.integers(1, (1 << 170) - 1),  # none belong to "any purpose"
    "terms": st.just(bytes(32)) | st.binary(max_size=31),
}
UNKNOWN_BESIDE_IT = {
    "version": st.integers(max_value=0),
    "terms_version": st.integers(max_value=0),
    "valid_until": st.integers(max_value=-1) | st.integers(FOREVER + 1, FOREVER + 5),
    "state": st.integers(3, 255) | st.just(0),
}


@st.composite
def damaged(draw: st.DrawFn) -> Consent:
    """A consent of the lowest id, sound but for one value."""
    whole = consent(1, effect=draw(st.sampled_from(Effect)))
    if draw(st.booleans()):
        name = draw(st.sampled_from(sorted(UNKNOWN_IN_SCOPE)))
        return replace(whole, scope=replace(whole.scope, **{name: draw(UNKNOWN_IN_SCOPE[name])}))
    name = draw(st.sampled_from(sorted(UNKNOWN_BESIDE_IT)))
    return replace(whole, **{name: draw(UNKNOWN_BESIDE_IT[name])})


def test_every_value_of_a_scope_is_damaged_once():
    assert {field.name for field in fields(Scope)} == set(UNKNOWN_IN_SCOPE)


@pytest.mark.parametrize("rule", [policy.decide, fast], ids=["function", "snapshot"])
@given(damaged(), st.integers(0, FOREVER - 1), st.booleans())
def test_a_consent_that_is_not_understood_denies_and_is_named(rule, broken, at, first):
    beside = [broken, consent(2)] if first else [consent(2), broken]
    found = rule(REQUEST, SETTING, beside, at)
    assert (found.outcome, found.reason) == (Outcome.DENY, Reason.UNKNOWN_CODE)
    assert (found.consent, found.version) == (broken.id, broken.version)


@given(damaged(), st.lists(st.builds(consent, st.integers(2, 9)) | st.builds(deny, st.integers(2, 9)), max_size=3))
def test_function_and_snapshot_say_the_same_of_it(broken, others):
    consents = [*others, broken]
    assert policy.decide(REQUEST, SETTING, consents, AT) == fast(REQUEST, SETTING, consents, AT)


@given(damaged())
def test_once_withdrawn_it_says_nothing(broken):
    ended = replace(broken, state=ConsentState.WITHDRAWN)
    for rule in (policy.decide, fast):
        assert rule(REQUEST, SETTING, [ended, consent(2)], AT).permitted


@given(
    st.sampled_from(
        [
            *[{"uses": uses} for uses in (0, KNOWN_USES + 1, 128, KNOWN_USES + 1 | Use.BIOMEDICAL)],
            *[{"conditions": mask} for mask in (KNOWN_CONDITIONS + 1, 1 << 15, ANY16)],
        ]
    )
)
def test_a_study_that_is_not_understood_is_refused(study):
    for rule in (policy.decide, fast):
        found = rule(REQUEST, setting(study=study), [consent()], AT)
        assert found == Decision(Outcome.DENY, Reason.UNKNOWN_CODE)


@given(
    st.fixed_dictionaries({"operation": outside(KNOWN_OPERATIONS, ANY16 + 1) | st.sampled_from([0, 3])})
    | st.fixed_dictionaries({"categories": outside(KNOWN_CATEGORIES, ANY32 + 1) | st.just(0)})
    | st.fixed_dictionaries({"data_until": st.just(0)})
)
def test_a_request_that_is_not_understood_is_refused(changes):
    for rule in (policy.decide, fast):
        found = rule(asked(**changes), SETTING, [consent()], AT)
        assert found == Decision(Outcome.DENY, Reason.UNKNOWN_CODE)


def test_the_lowest_id_of_those_that_deny_is_named():
    broken = consent(3, purposes=1 << 14)
    for rule in (policy.decide, fast):
        assert rule(REQUEST, SETTING, [broken, deny(2)], AT).reason is Reason.DENIED_BY_SUBJECT
        assert rule(REQUEST, SETTING, [broken, deny(4)], AT).reason is Reason.UNKNOWN_CODE


def test_a_rule_that_skips_it_is_noticed():
    skipping = mutant(
        policy,
        (
            "            denying = _lower(denying, consent)\n            continue\n        if consent.state",
            "            continue\n        if consent.state",
        ),
    )
    broken = Consent(consent().subject, bytes(32), 1, scope(recipient_kind=9, effect=Effect.DENY), 2, FOREVER)
    assert policy.decide(REQUEST, SETTING, [broken, consent(2)], AT).reason is Reason.UNKNOWN_CODE
    assert skipping.decide(REQUEST, SETTING, [broken, consent(2)], AT).permitted
