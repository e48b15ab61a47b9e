"""The offer to a study: enough for what it does, and for nothing more."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.offer import NARROWEST, scope_for
from ledger.domain.policy import covers
from ledger.domain.vocabulary import ACCEPTS, KNOWN_CATEGORIES, KNOWN_CONDITIONS, KNOWN_OPERATIONS, KNOWN_USES, Use
from ledger.errors import InvalidInput
from tests.unit.domain import cases

TERMS = b"\x07" * 32


def study(uses: int = Use.BIOMEDICAL, conditions: int = 0, diseases: tuple[tuple[int, ...], ...] = ((),)):
    named = tuple(closure for closure in diseases if closure) if uses & Use.DISEASE else ()
    return replace(cases.SETTING.study, uses=uses, conditions=conditions, diseases=named)


@given(
    uses=st.integers(1, KNOWN_USES),
    conditions=st.integers(0, KNOWN_CONDITIONS),
    categories=st.integers(1, KNOWN_CATEGORIES),
    operations=st.integers(1, KNOWN_OPERATIONS),
    diseases=st.lists(st.integers(1, 99), min_size=1, max_size=5, unique=True),
)
def test_a_yes_covers_the_study_with_what_was_picked_and_nothing_else(
    uses, conditions, categories, operations, diseases
):
    asking = study(uses, conditions, tuple((code, 1000) for code in diseases))
    scope = scope_for(asking, operations, categories, TERMS)
    one = operations & -operations
    assert covers(scope, cases.asked(categories=categories, operation=one), asking)
    for bit in (1 << place for place in range(16)):
        if not categories & bit:
            assert not covers(scope, cases.asked(categories=categories | bit, operation=one), asking)
        if KNOWN_OPERATIONS & bit and not operations & bit:
            assert not covers(scope, cases.asked(categories=categories, operation=bit), asking)
    for use in Use:
        if not uses & use:
            other = study(uses | use, conditions, ((777, 1000),))
            accepted_anyway = any(NARROWEST[one] & ACCEPTS[use] for one in Use if uses & one)
            assert covers(scope, cases.asked(categories=categories, operation=one), other) <= accepted_anyway


def test_a_yes_to_nothing_or_to_a_study_without_programs_or_with_many_diseases_is_refused():
    with pytest.raises(InvalidInput, match="pick some"):
        scope_for(study(), 1, 0, TERMS)
    with pytest.raises(InvalidInput, match="operations is empty"):
        scope_for(study(), 0, 1, TERMS)
    with pytest.raises(InvalidInput, match="at most 5"):
        scope_for(study(Use.DISEASE, 0, tuple((code,) for code in range(1, 7))), 1, 1, TERMS)
