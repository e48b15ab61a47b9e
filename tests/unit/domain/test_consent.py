"""What a scope may be: refused here exactly where the contract refuses it."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.consent import MOST_DISEASES, pack_diseases, unpack_diseases
from ledger.domain.vocabulary import ANY16, ANY32, FOREVER, Effect, Purpose, RecipientKind
from ledger.errors import InvalidInput, UnknownCode
from tests.unit.domain.cases import NOBODY, OTHER, SCOPE, scope


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"conditions": 0},
        {"effect": Effect.DENY},
        {"recipient_kind": RecipientKind.STUDY, "recipient": OTHER},
        {"purposes": Purpose.DS, "diseases": pack_diseases([1, 2, 3, 4, (1 << 32) - 1])},
        {"purposes": Purpose.DS | Purpose.HMB, "diseases": 1},
        {"valid_from": FOREVER - 1},
        {"data_from": 7, "data_until": 8},
    ],
    ids=str,
)
def test_sound_scopes(changes):
    scope(**changes).check()


UNKNOWN = [
    {"effect": 0},
    {"effect": 3},
    {"recipient_kind": 0},
    {"recipient_kind": 4},
    {"purposes": 1 << 7},
    {"purposes": ANY16 - 1},
    {"purposes": -1},
    {"purposes": ANY16 + 1},
    {"conditions": 1 << 8},
    {"operations": 1 << 9},
    {"operations": ANY32},
    {"categories": 1 << 16},
    {"categories": ANY32 - 1},
]
SENSELESS = [
    {"purposes": 0},
    {"operations": 0},
    {"categories": 0},
    {"effect": Effect.DENY, "conditions": 0},
    {"valid_from": 5, "valid_until": 5},
    {"valid_from": 6, "valid_until": 5},
    {"valid_from": -1},
    {"valid_until": FOREVER + 1},
    {"data_from": 5, "data_until": 5},
    {"data_until": FOREVER + 1},
    {"recipient": OTHER},
    {"recipient_kind": RecipientKind.STUDY, "recipient": NOBODY},
    {"recipient_kind": RecipientKind.INSTITUTION, "recipient": b"\x01" * 31},
    {"recipient": b""},
    {"purposes": Purpose.DS},
    {"purposes": Purpose.HMB, "diseases": 1},
    {"diseases": 1},
    {"effect": Effect.DENY, "purposes": Purpose.DS, "diseases": 1},
    {"purposes": Purpose.DS, "diseases": 1 << 160},
    {"purposes": Purpose.DS, "diseases": -1},
    {"terms": NOBODY},
    {"terms": b"\x01" * 31},
]


@pytest.mark.parametrize("changes", UNKNOWN, ids=str)
def test_values_outside_the_vocabulary(changes):
    with pytest.raises(UnknownCode):
        scope(**changes).check()


@pytest.mark.parametrize("changes", SENSELESS, ids=str)
def test_scopes_that_make_no_sense(changes):
    with pytest.raises(InvalidInput) as caught:
        scope(**changes).check()
    assert type(caught.value) is InvalidInput
    assert str(caught.value)


@given(st.sets(st.integers(1, (1 << 32) - 1), max_size=MOST_DISEASES))
def test_diseases_pack_and_unpack(codes):
    packed = pack_diseases(codes)
    assert unpack_diseases(packed) == sorted(codes)
    assert packed >> 160 == 0
    shuffled = list(codes) * 2
    Random(0).shuffle(shuffled)
    assert pack_diseases(shuffled) == packed


@pytest.mark.parametrize("codes", [[0], [-1], [1 << 32], [1, 2, 3, 4, 5, 6]], ids=str)
def test_diseases_that_do_not_fit(codes):
    with pytest.raises(InvalidInput):
        pack_diseases(codes)


def test_no_disease_packs_to_nothing():
    assert pack_diseases([]) == 0
    assert SCOPE.disease_codes() == frozenset()
