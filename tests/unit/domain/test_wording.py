"""Words to masks and back: what is written reads back the same, and what is not known is an error."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import wording
from ledger.domain.consent import Scope, pack_diseases
from ledger.domain.identifiers import to_hex
from ledger.domain.policy import Request
from ledger.domain.vocabulary import (
    ANY16,
    ANY32,
    CATEGORY_TERMS,
    CONDITION_TERMS,
    FOREVER,
    KNOWN_CATEGORIES,
    KNOWN_CONDITIONS,
    KNOWN_OPERATIONS,
    KNOWN_PURPOSES,
    OPERATION_TERMS,
    PURPOSE_TERMS,
    USE_TERMS,
    Category,
    Condition,
    Effect,
    Operation,
    Purpose,
    RecipientKind,
    Use,
)
from ledger.errors import InvalidInput, UnknownCode
from tests.unit.domain.cases import OTHER, REQUEST, SCOPE, TERMS

IDS = st.binary(min_size=32, max_size=32).filter(any)
TABLES = {
    Purpose: PURPOSE_TERMS,
    Use: USE_TERMS,
    Condition: CONDITION_TERMS,
    Category: CATEGORY_TERMS,
    Operation: OPERATION_TERMS,
}


@st.composite
def windows(draw):
    start = draw(st.integers(0, FOREVER - 1))
    return start, draw(st.integers(start + 1, FOREVER))


@st.composite
def scopes(draw):
    """Every scope that ``check`` accepts."""
    effect = draw(st.sampled_from(Effect))
    kind = draw(st.sampled_from(RecipientKind))
    deny = effect is Effect.DENY
    purposes = draw(st.just(ANY16) | st.integers(1, KNOWN_PURPOSES))
    diseases = 0
    if purposes != ANY16 and purposes & Purpose.DS:
        if deny:
            purposes = purposes & ~Purpose.DS or int(Purpose.HMB)
        else:
            diseases = pack_diseases(draw(st.sets(st.integers(1, 9_999_999), min_size=1, max_size=5)))
    valid_from, valid_until = draw(windows())
    data_from, data_until = draw(windows())
    return Scope(
        effect=effect,
        recipient_kind=kind,
        recipient=bytes(32) if kind is RecipientKind.ANY else draw(IDS),
        purposes=purposes,
        conditions=draw(st.just(ANY16) | st.integers(int(deny), KNOWN_CONDITIONS)),
        operations=draw(st.just(ANY16) | st.integers(1, KNOWN_OPERATIONS)),
        categories=draw(st.just(ANY32) | st.integers(1, KNOWN_CATEGORIES)),
        valid_from=valid_from,
        valid_until=valid_until,
        data_from=data_from,
        data_until=data_until,
        diseases=diseases,
        terms=draw(IDS),
    )


requests = st.builds(
    lambda study, engine, operation, categories, window: Request(study, engine, int(operation), categories, *window),
    IDS,
    IDS,
    st.sampled_from(list(Operation)),
    st.integers(1, KNOWN_CATEGORIES),
    windows(),
)


@given(scopes())
def test_a_scope_reads_back_as_it_was_written(scope):
    scope.check()
    assert wording.scope_from_json(wording.scope_to_json(scope)) == scope


@given(requests)
def test_a_request_reads_back_as_it_was_written(request):
    assert wording.request_from_json(wording.request_to_json(request)) == request


def test_the_words_of_a_scope():
    scope = replace(
        SCOPE,
        recipient_kind=RecipientKind.STUDY,
        recipient=OTHER,
        purposes=int(Purpose.DS),
        conditions=0,
        operations=int(Operation.RECORD_ACCESS | Operation.FEDERATED_LEARNING),
        data_until=100,
        diseases=pack_diseases([5070, 8903]),
    )
    assert wording.scope_to_json(scope) == {
        "effect": "permit",
        "recipient": {"study": to_hex(OTHER)},
        "purposes": ["disease-research"],
        "diseases": ["MONDO:0005070", "MONDO:0008903"],
        "conditions": [],
        "operations": ["federated-learning", "record-access"],
        "categories": "any",
        "validity": {"from": 0, "until": None},
        "data_window": {"from": 0, "until": 100},
        "terms": to_hex(TERMS),
    }


@pytest.mark.parametrize("flags", TABLES, ids=lambda flags: flags.__name__)
def test_every_bit_has_one_word_and_every_word_one_bit(flags):
    terms = TABLES[flags]
    assert [term.bit for term in terms] == list(flags)
    assert len({term.name for term in terms}) == len(terms)
    assert all(term.words and term.name == term.name.lower() for term in terms)
    for term in terms:
        assert wording.mask_of([term.name], terms, ANY32, what="set") == term.bit
    everything = [term.name for term in terms]
    mask = wording.mask_of(everything, terms, ANY32, what="set")
    assert wording.words_of(mask, terms, ANY32) == everything


def test_all_named_is_not_any():
    """Any holds for words that are added later; a list does not."""
    everything = [term.name for term in CATEGORY_TERMS]
    assert wording.mask_of(everything, CATEGORY_TERMS, ANY32, what="categories") == KNOWN_CATEGORIES
    assert wording.mask_of("any", CATEGORY_TERMS, ANY32, what="categories") == ANY32
    assert wording.words_of(ANY32, CATEGORY_TERMS, ANY32) == "any"


GOOD = wording.scope_to_json(SCOPE)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"effect": "allow"}, UnknownCode),
        ({"effect": None}, UnknownCode),
        ({"purposes": ["everything"]}, UnknownCode),
        ({"purposes": ["any"]}, UnknownCode),
        ({"purposes": "health-research"}, InvalidInput),
        ({"purposes": None}, InvalidInput),
        ({"purposes": [1]}, InvalidInput),
        ({"purposes": []}, InvalidInput),
        ({"categories": ["Genomics"]}, UnknownCode),
        ({"operations": {"record-access": True}}, InvalidInput),
        ({"diseases": ["DOID:1324"], "purposes": ["disease-research"]}, UnknownCode),
        ({"diseases": ["MONDO:12"], "purposes": ["disease-research"]}, UnknownCode),
        ({"diseases": ["MONDO:0000000"], "purposes": ["disease-research"]}, UnknownCode),
        ({"diseases": ["MONDO:000507\u0660"], "purposes": ["disease-research"]}, UnknownCode),
        ({"diseases": [5070], "purposes": ["disease-research"]}, UnknownCode),
        ({"purposes": ["disease-research"]}, InvalidInput),
        ({"recipient": "everybody"}, InvalidInput),
        ({"recipient": {}}, InvalidInput),
        ({"recipient": {"person": to_hex(OTHER)}}, InvalidInput),
        ({"recipient": {"study": to_hex(OTHER), "institution": to_hex(OTHER)}}, InvalidInput),
        ({"recipient": {"study": to_hex(OTHER).upper()}}, InvalidInput),
        ({"validity": {"from": "2026-01-01", "until": None}}, InvalidInput),
        ({"validity": {"from": True, "until": None}}, InvalidInput),
        ({"validity": {"from": 1.5, "until": None}}, InvalidInput),
        ({"validity": {"from": -1, "until": None}}, InvalidInput),
        ({"validity": {"from": 0, "until": FOREVER + 1}}, InvalidInput),
        ({"validity": {"from": 0, "to": 5}}, InvalidInput),
        ({"validity": None}, InvalidInput),
        ({"validity": {"from": 5, "until": 5}}, InvalidInput),
        ({"terms": "0x00"}, InvalidInput),
        ({"note": "please"}, InvalidInput),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_not_known_is_an_error_and_never_skipped(change, error):
    wording.scope_from_json(GOOD)
    with pytest.raises(error):
        wording.scope_from_json(GOOD | change)


@pytest.mark.parametrize("key", sorted(set(GOOD) - {"data_window"}))
def test_a_field_left_out_is_an_error(key):
    with pytest.raises(InvalidInput, match=key):
        wording.scope_from_json({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize("document", [None, [], "any", 1])
def test_a_scope_is_an_object(document):
    with pytest.raises(InvalidInput, match="object"):
        wording.scope_from_json(document)


ASKED = wording.request_to_json(REQUEST)


@pytest.mark.parametrize(
    "change",
    [
        {"operation": "any"},
        {"operation": ""},
        {"operation": None},
        {"categories": "any"},
        {"categories": []},
        {"categories": ["diagnosis"]},
        {"study": "0x12"},
        {"engine": to_hex(bytes(32))},
        {"data_window": {"from": 9, "until": 9}},
        {"data_window": [0, 9]},
    ],
    ids=str,
)
def test_a_request_that_says_too_little_or_too_much(change):
    wording.request_from_json(ASKED)
    with pytest.raises(InvalidInput):
        wording.request_from_json(ASKED | change)


@pytest.mark.parametrize("key", ["study", "engine", "operation", "categories"])
def test_a_request_without_a_field(key):
    with pytest.raises(InvalidInput, match=key):
        wording.request_from_json({name: value for name, value in ASKED.items() if name != key})


def test_a_request_without_a_window_asks_for_all_data():
    request = wording.request_from_json({name: value for name, value in ASKED.items() if name != "data_window"})
    assert (request.data_from, request.data_until) == (0, FOREVER)


def test_operation_words():
    assert wording.operation_word(0) == wording.operation_word(3) == wording.operation_word(1 << 12) == ""
    assert wording.operation_word(wording.operation_of("synthetic-data")) == "synthetic-data"
