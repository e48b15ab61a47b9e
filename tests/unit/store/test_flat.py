"""Facts and events as flat rows (``ledger.domain.flat``)."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import events as ev
from ledger.domain.consent import Consent, Scope
from ledger.domain.flat import NO_DIGEST, columns_of, decode, encode, flatten, next_digest, revive
from ledger.domain.projection import Access, Pause
from ledger.errors import InvalidInput
from tests.fakes.histories import History


def values(seed: int) -> list:
    history = History(seed)
    events = [*history.opening(), *(history.event() for _ in range(60))]
    return [*events, *history.world.facts.values()]


@given(seed=st.integers(0, 1 << 20))
def test_every_fact_and_event_comes_back_as_it_went(seed):
    for value in values(seed):
        assert revive(type(value), flatten(value)) == value
        assert decode(encode(value)) == value
        assert len(columns_of(type(value))) == len(flatten(value))


def test_equal_bytes_mean_equal_values_of_one_kind():
    by_bytes = {}
    for value in values(1):
        held = by_bytes.setdefault(encode(value), value)
        assert held == value
        assert type(held) is type(value)


def test_every_field_of_a_consent_changes_its_bytes():
    consent = next(value for value in values(2) if isinstance(value, Consent))
    for field in fields(Scope):
        held = getattr(consent.scope, field.name)
        other = bytes(31) + b"\x01" if isinstance(held, bytes) else held + 1
        if field.name == "diseases":
            other = held ^ 1
        assert encode(replace(consent, scope=replace(consent.scope, **{field.name: other}))) != encode(consent)


def test_a_scope_is_laid_out_in_place():
    assert columns_of(Consent)[:4] == ("subject", "id", "version", "scope_effect")
    assert columns_of(Access) == ("log", "index", "leaf", "study", "engine")
    assert flatten(Pause(paused=True)) == [True]


@pytest.mark.parametrize("data", [b"", b"\x90", b"\x91\xa6Person", b"\x92\xa5Pause", b"\x93\xa5Pause\xc3\xc3", b"\xc1"])
def test_other_bytes_are_refused(data):
    with pytest.raises(InvalidInput):
        decode(data)


def test_a_row_with_a_state_outside_the_table_is_refused():
    consent = next(value for value in values(2) if isinstance(value, Consent))
    with pytest.raises(InvalidInput):
        revive(Consent, [*flatten(consent)[:-1], 9])


def test_the_digest_chains_over_blocks_facts_and_their_order():
    facts = [encode(ev.GrantsPaused(paused=True)), encode(ev.GrantsPaused(paused=False))]
    one = next_digest(NO_DIGEST, b"\x01" * 32, facts)
    assert len(one) == 32
    assert one != next_digest(NO_DIGEST, b"\x01" * 32, facts[::-1])
    assert one != next_digest(NO_DIGEST, b"\x02" * 32, facts)
    assert one != next_digest(one, b"\x01" * 32, facts)
    assert one == next_digest(NO_DIGEST, b"\x01" * 32, iter(facts))
