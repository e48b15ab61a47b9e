"""Three-valued logic against its truth tables."""

import itertools

import pytest

from ledger.domain.kleene import all_of, negation

ORDER = [False, None, True]


def test_a_conjunction_is_the_least_of_its_parts():
    for size in (1, 2, 3):
        for parts in itertools.product(ORDER, repeat=size):
            assert all_of(parts) is min(parts, key=ORDER.index)


def test_of_nothing_it_is_unknown():
    assert all_of([]) is None


@pytest.mark.parametrize(("truth", "contrary"), [(True, False), (False, True), (None, None)])
def test_negation(truth, contrary):
    assert negation(truth) is contrary
