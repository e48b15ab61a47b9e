"""Whatever stands in an act, it cannot spoil its batch: it is refused by its index, and the others are taken in."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.contracts.ledger_world import FOREVER, NOW, LedgerWorld, signer, word

WORDS = st.one_of(
    st.just(bytes(32)),
    st.sampled_from([word("hospital"), word("study"), word("x")]),
    st.binary(min_size=32, max_size=32),
)
TIMES = st.one_of(st.sampled_from([0, NOW - 1, NOW, NOW + 1, FOREVER]), st.integers(0, FOREVER))
SIGNERS = st.one_of(
    st.just(signer("patient")),
    st.binary(max_size=90),
    st.integers(0, 20).map(lambda number: number.to_bytes(20)),
    st.integers(0, 20).map(lambda number: number.to_bytes(20) + b"key"),
)
NUMBERS = count()
SIGNATURES = st.one_of(st.binary(max_size=200), st.binary(min_size=65, max_size=65))


def unsigned(bits):
    return st.one_of(st.sampled_from([0, 1, 4, 8, 2**bits - 1]), st.integers(0, 2**bits - 1))


SCOPES = st.tuples(
    unsigned(8), unsigned(8), WORDS, unsigned(16), unsigned(16), unsigned(16), unsigned(32), TIMES, TIMES, TIMES,
    TIMES, unsigned(160), WORDS,
)  # fmt: skip
SUBJECTS = st.sampled_from([word("patient"), word("nobody")])
CAPACITIES = unsigned(8)
HOSTILE = {
    "enrol": st.tuples(SUBJECTS, WORDS, SIGNERS, CAPACITIES, TIMES, TIMES, WORDS, TIMES, SIGNATURES),
    "record": st.tuples(SUBJECTS, WORDS, WORDS, WORDS, unsigned(256), unsigned(256), WORDS, TIMES, SIGNERS, SIGNATURES),
    "withdraw": st.tuples(SUBJECTS, WORDS, SIGNERS, SIGNATURES),
    "withdrawAll": st.tuples(SUBJECTS, WORDS, TIMES, SIGNERS, SIGNATURES),
    "addSigners": st.tuples(SUBJECTS, WORDS, SIGNERS, CAPACITIES, TIMES, TIMES, WORDS, TIMES, SIGNERS, SIGNATURES),
    "removeSigners": st.tuples(SUBJECTS, WORDS, SIGNERS, TIMES, SIGNERS, SIGNATURES),
}


@pytest.fixture(scope="module")
def world():
    world = LedgerWorld()
    world.furnish()
    world.registry.send("enrol", [world.enrolment("patient")])
    return world


@pytest.mark.parametrize("function", HOSTILE)
def test_unsigned_acts_of_any_content_are_refused_one_by_one(world, function):
    @settings(max_examples=60, deadline=None)
    @given(st.lists(HOSTILE[function], min_size=1, max_size=4))
    def run(acts):
        events = world.registry.send(function, acts)
        assert [name for name, _ in events] == ["ActRefused"] * len(acts)
        assert sorted(world.refusals(events)) == list(range(len(acts)))

    run()


@settings(max_examples=40, deadline=None)
@given(scope=SCOPES, version=unsigned(24), form=WORDS, issued=TIMES, until=TIMES)
def test_a_signed_consent_of_any_content_does_not_hold_up_the_good_ones(world, scope, version, form, issued, until):
    name = f"patient {next(NUMBERS)}"
    world.registry.send("enrol", [world.enrolment(name)])
    fields = dict(zip(world.scope_fields(), scope, strict=True))
    any_content = world.consent(name, "b", version=version, form=form, issuedAt=issued, deadline=until, **fields)
    events = world.registry.send("record", [world.consent(name, "a"), any_content, world.consent(name, "c")])
    assert set(world.refusals(events)) <= {1}
    assert len(events) == 3
    recorded = [event["id"] for kind, event in events if kind == "ConsentRecorded"]
    assert world.registry.read("liveConsents", word(name)) == (len(recorded),)
    assert all(world.registry.read("isLive", word(name), id_) == (True,) for id_ in recorded)
