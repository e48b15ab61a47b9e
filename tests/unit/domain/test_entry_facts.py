"""The forms of entries: each kind has one, engines' lineage is typed, and the service's own kinds say nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.audit import BY_ENGINES, Kind
from ledger.domain.entry_facts import FORMS, check_facts, schema_of
from ledger.errors import InvalidInput, UnknownCode

ID = "0x" + "ab" * 32
LINEAGE = {
    "run": "r1",
    "cohort": {"root": ID, "size": 3, "permitted": "under 11"},
    "engine": {"id": ID, "name": "opendp", "version": "0.14", "code": ID},
    "parameters": {"epsilon": "0.5"},
    "categories": ["outcomes"],
    "parents": [ID],
    "inputs": [{"commitment": ID, "rows": "20-29"}],
    "outputs": [{"name": "mean", "sha256": ID}],
    "rechecks": [ID],
    "facts": {"k": 3},
}
VERIFIED = {"check": "fsck", "outcome": "fails", "size": 3, "root": ID, "findings": [{"fault": "cut tail", "index": 3}]}
RIGHT = {
    **dict.fromkeys(BY_ENGINES - {Kind.RESERVED}, LINEAGE),
    Kind.RESERVED: {"dataset": "cancer", "rho": "0.125"},
    Kind.OVERRIDE: {"reason": "BTG", "justification": ID, "refused": 2},
    Kind.VERIFICATION: VERIFIED,
    Kind.ADMINISTRATION: {"act": "log-key-rotated", "old": "a+1+b", "new": "a+2+c"},
    Kind.ERASURE: {"erasure": "e", "at": 1, "destroyed": ["openings"], "openings": [0]},
    Kind.DECISION: {
        "outcome": "permit",
        "request": ID,
        "receipt": ID,
        "at": 1,
        "considered": 2,
        "permitted": 1,
        "excluded": {"no_consent": 1},
        "cohort": {"root": ID, "size": 2},
        "policy": "consentry.policy/1",
        "register": {"block": {"number": 5, "hash": ID}, "rows": 40, "considered": 2, "leaves": 1, "root": ID},
    },
}


def test_every_kind_has_one_form_and_a_schema_that_names_it():
    assert set(FORMS) == set(Kind) == set(RIGHT)
    for kind in Kind:
        schema = schema_of(kind.value)
        assert schema["properties"]["kind"] == {"const": kind.value}
        assert schema["properties"]["schema"] == {"const": "consentry.entry/1"}
        assert schema["properties"]["facts"]["$ref"].rpartition("/")[2] in schema["$defs"]
    assert len({schema_of(kind)["$id"] for kind in Kind}) == len(Kind)


def test_an_unknown_kind_has_no_schema():
    with pytest.raises(UnknownCode, match="there are administration"):
        schema_of("computation.imagined")


@pytest.mark.parametrize("kind", Kind)
def test_what_each_form_names_is_taken(kind):
    check_facts(kind, RIGHT[kind])


@pytest.mark.parametrize("kind", sorted(set(Kind) - (BY_ENGINES - {Kind.RESERVED})))
def test_the_services_own_kinds_say_nothing_else_and_all_of_it(kind):
    with pytest.raises(InvalidInput, match="unknown field"):
        check_facts(kind, {**RIGHT[kind], "more": 1})
    with pytest.raises(InvalidInput):
        check_facts(kind, {})


@pytest.mark.parametrize("kind", sorted(BY_ENGINES - {Kind.RESERVED}))
@pytest.mark.parametrize(
    "wrong",
    [
        {"run": 7},
        {"parents": ["ab" * 32]},
        {"parents": [ID + "\n"]},
        {"outputs": [{"name": "mean", "sha256": ID[:-2]}]},
        {"outputs": [{"sha256": ID}]},
        {"inputs": [{"rows": "20-29"}]},
        {"cohort": {"root": ID}},
        {"cohort": {"root": ID, "size": -1}},
        {"engine": {"id": ID, "name": "opendp"}},
        {"engine": {"id": ID, "name": "opendp", "version": "1", "code": "none"}},
        {"parameters": ["epsilon"]},
    ],
)
def test_lineage_of_another_type_is_refused(kind, wrong):
    with pytest.raises(InvalidInput, match=f"facts of a {kind} entry"):
        check_facts(kind, {**LINEAGE, **wrong})


@given(st.dictionaries(st.text(max_size=5).filter(lambda name: name not in LINEAGE), st.integers()))
def test_engines_may_say_more_than_their_form(more):
    check_facts(Kind.COMPLETED, {**LINEAGE, **more, "error": "x", "reason": "y", "recipient": "z"})


@pytest.mark.parametrize(
    "wrong",
    [{}, {"rho": "1", "epsilon": "1"}, {"rho": "-1"}, {"rho": "1e3"}, {"rho": "01"}, {"rho": 1}, {"rho": "1\n"}],
)
def test_a_reservation_is_of_one_decimal_number(wrong):
    with pytest.raises(InvalidInput):
        check_facts(Kind.RESERVED, {"dataset": "cancer", **wrong})
    check_facts(Kind.RESERVED, {"dataset": "cancer", "epsilon": "0.5", "delta": "0.000001"})
