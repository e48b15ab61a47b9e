"""Which entries a selection takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.audit import Kind, NewEntry
from ledger.domain.selection import Selection, outcome_of
from ledger.errors import InvalidInput

ACTOR = "engine:0x" + "0e" * 32


def entry(kind=Kind.DECISION, time=100, **changes):
    fields = {"kind": kind, "actor": ACTOR, "study": "0x5", "engine": "0xe", "decision": "0xd"} | changes
    return NewEntry(**fields).document(log=b"\x01" * 32, index=7, time=time)


@pytest.mark.parametrize(
    ("condition", "other"),
    [
        ({"study": "0x5"}, {"study": "0x6"}),
        ({"actor": ACTOR}, {"actor": "service"}),
        ({"engine": "0xe"}, {"engine": "0x"}),
        ({"kind": "decision"}, {"kind": "erasure"}),
        ({"outcome": "deny"}, {"outcome": "permit"}),
        ({"since": 100}, {"since": 101}),
        ({"until": 101}, {"until": 100}),
        ({"decisions": frozenset({"0xd"})}, {"decisions": frozenset()}),
        ({"words": "BROAD consent"}, {"words": "narrow"}),
        ({"words": "1187"}, {"words": "1188"}),
    ],
)
def test_each_condition_decides_alone(condition, other):
    document = entry(facts={"outcome": "deny", "notes": [{"said": "a broad Consent"}, 1187]})
    assert Selection().takes(document)
    assert Selection(**condition).takes(document)
    assert not Selection(**other).takes(document)
    assert not Selection(**condition | other).takes(document)
    assert not Selection(**condition).everything
    assert Selection().everything


def test_names_of_fields_are_not_searched():
    assert not Selection(words="facts").takes(entry())


@pytest.mark.parametrize(
    ("kind", "facts", "outcome"),
    [
        (Kind.DECISION, {"outcome": "abstain"}, "abstain"),
        (Kind.WITHHELD, {"outcome": "permit"}, "withheld"),
        (Kind.ERASURE, {}, ""),
        (Kind.ACCESSED, {"outcome": 3}, ""),
    ],
)
def test_the_outcome_of_a_computation_is_its_state(kind, facts, outcome):
    assert outcome_of(entry(kind=kind, facts=facts)) == outcome


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_the_time_is_half_open(time, since, until):
    if until <= since:
        with pytest.raises(InvalidInput, match="later"):
            Selection(since=since, until=until)
        return
    assert Selection(since=since, until=until).takes(entry(time=time)) == (since <= time < until)
