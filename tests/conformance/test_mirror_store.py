"""What every mirror keeps to, the fake one too (``ports.MirrorStore``)."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.domain import events as ev
from ledger.domain.accesses import pack_entries
from ledger.domain.consent import ConsentState
from ledger.domain.policy import Request
from ledger.domain.projection import Access, Head, World, key_of
from ledger.errors import InvalidInput, MirrorDiverged, MirrorLagging, WrongState
from ledger.ports import Interval, Lease
from ledger.store.mirror import SqlMirror
from ledger.store.store import Store
from tests.fakes.chain import FakeChain
from tests.fakes.histories import History
from tests.fakes.store import MemoryMirror
from tests.support.stores import read_event

REQUEST = Request(bytes(32), bytes(32), 8, 1)


def fill(mirror, chain: FakeChain, *, upto: int | None = None, batch: int = 3):
    """Take in what is missing, some blocks at once."""
    fence = mirror.lease("test", at=0, seconds=60)
    cursor = mirror.cursor()
    last = chain.head().number if upto is None else upto
    first = cursor.block.number + 1 if cursor else chain.first_block
    for start in range(first, last + 1, batch):
        end = min(start + batch - 1, last)
        cursor = mirror.take(
            chain.blocks(start, end), chain.events_between(start, end), fence=fence, expect=mirror.cursor()
        )
    return cursor


def chain_of(seed: int, blocks: int = 12, *, opening: bool = True) -> tuple[FakeChain, History]:
    chain, history = FakeChain(), History(seed)
    if opening:
        chain.mine(*history.opening())
    for _ in range(blocks):
        chain.mine(*history.block())
    return chain, history


def everything(mirror) -> dict:
    """All that a mirror can say, in one comparable value."""
    cursor = mirror.cursor()
    top = 1 << 40
    intervals = mirror.intervals_in(0, top)
    keys = sorted(mirror.keys())
    said = {
        "cursor": cursor,
        "blocks": mirror.blocks_in(0, top),
        "events": mirror.events_in(0, top),
        "keys": keys,
        "intervals": sorted(intervals, key=lambda v: (key_of(v.fact), v.since, v.place)),
        "histories": [mirror.history(*key) for key in keys],
        "raw": [mirror.events_for(*key) for key in keys],
    }
    if cursor is not None:
        for number in range(3, cursor.block.number + 1):
            said[f"facts at {number}"] = sorted(map(repr, mirror.facts_at(number)))
            said[f"count at {number}"] = mirror.count_at(number)
            said[f"changed until {number}"] = sorted(map(repr, mirror.facts_changed(number - 2, number)))
            said[f"revoking until {number}"] = sorted(map(repr, mirror.facts_revoking(number - 2, number)))
    return said


def test_an_empty_mirror_knows_nothing(store):
    assert store.mirror.cursor() is None
    assert store.mirror.block_at(3) is None
    assert list(store.mirror.keys()) == []
    assert store.mirror.institution(bytes(32)) is None
    assert store.mirror.subjects() == []
    with pytest.raises(MirrorLagging):
        store.mirror.setting_at(REQUEST, 0)
    with pytest.raises(MirrorLagging):
        store.mirror.consents_at(bytes(32), 0)
    with pytest.raises(MirrorLagging):
        list(store.mirror.facts_at(0))


def test_an_unknown_kind_is_refused(store):
    for ask in (
        store.mirror.current,
        lambda kind: store.mirror.history(kind, b""),
        lambda kind: store.mirror.find(kind, [(b"",)]),
        lambda kind: store.mirror.events_for(kind, b""),
    ):
        with pytest.raises(InvalidInput):
            ask("Person")


@pytest.mark.parametrize("seed", range(3))
def test_every_mirror_says_what_the_events_say(store, seed):
    chain, history = chain_of(seed)
    oracle = MemoryMirror()
    fill(oracle, chain, batch=1)
    fill(store.mirror, chain, batch=5)
    assert everything(store.mirror) == everything(oracle)
    assert {
        key: fact for fact in store.mirror.facts_at(chain.head().number) for key in [key_of(fact)]
    } == history.world.facts


def test_facts_are_looked_up_as_of_the_last_block(store):
    chain, history = chain_of(4)
    fill(store.mirror, chain)
    for kind, first, second in history.world.facts:
        fact = history.world.facts[kind, first, second]
        assert store.mirror.interval_of(fact).fact == fact
        match kind:
            case "Institution" | "Study" | "Engine" | "Terms":
                assert getattr(store.mirror, kind.lower())(first) == fact
            case "Consent":
                assert store.mirror.consent(first, second) == fact
                assert fact in store.mirror.consents(first)
            case "Authority":
                assert store.mirror.authority(first, second) == fact
                assert fact in store.mirror.authorities(first)
    assert set(store.mirror.subjects()) == {key[1] for key in history.world.facts if key[0] == "Subject"}
    custodian = next(fact for key, fact in history.world.facts.items() if key[0] == "Subject").custodian
    assert store.mirror.subjects(custodian) == sorted(
        fact.id for key, fact in history.world.facts.items() if key[0] == "Subject" and fact.custodian == custodian
    )
    assert store.mirror.interval_of(Head(bytes(32), 1, bytes(32))) is None


def test_facts_of_many_keys_come_in_the_order_of_the_keys(store):
    chain, history = chain_of(4)
    fill(store.mirror, chain)
    for kind in {kind for kind, *_ in history.world.facts if kind != "Pause"}:
        keys = [key[1:] if key[2] else key[1:2] for key in history.world.facts if key[0] == kind]
        keys = [*reversed(keys), (bytes(31) + b"\x01", bytes(7) + b"\x77")[: len(keys[0])], keys[0]]
        assert store.mirror.find(kind, keys) == [history.world.facts.get((kind, *key, b"")[:3]) for key in keys]
    assert store.mirror.find("Consent", []) == []


def test_questions_as_of_a_block_get_that_blocks_answer(store):
    chain, _ = chain_of(5, blocks=20)
    fill(store.mirror, chain)
    for number in range(chain.first_block, chain.head().number + 1):
        world = World()
        for logged in chain.events_between(chain.first_block, number):
            world.apply(logged.event)
        for subject in {key[1] for key in world.facts if key[0] == "Subject"}:
            said = store.mirror.consents_at(subject, number)
            assert said == tuple(sorted(world.consents(subject), key=lambda consent: consent.id))
        for study in {key[1] for key in world.facts if key[0] == "Study"}:
            for engine in {key[1] for key in world.facts if key[0] == "Engine"}:
                request = replace(REQUEST, study=study, engine=engine)
                assert store.mirror.setting_at(request, number) == world.setting(request)
    assert store.mirror.consents_at(bytes(32), chain.head().number) is None
    with pytest.raises(MirrorLagging):
        store.mirror.consents_at(bytes(32), chain.head().number + 1)


def test_of_several_versions_in_one_block_only_the_last_held(store):
    chain, history = FakeChain(), History(6)
    opening = history.opening()
    granted = next(event for event in opening if isinstance(event, ev.ConsentRecorded))
    second = replace(granted, version=2, digest=b"\x02" * 32)
    withdrawn = ev.ConsentWithdrawn(granted.subject, granted.id, b"\x03" * 32, 2, 1, b"\x09" * 20)
    number = chain.mine(*opening, second, withdrawn).number
    chain.mine()
    fill(store.mirror, chain)
    versions = store.mirror.history("Consent", granted.subject, granted.id)
    assert [(v.since, v.until) for v in versions] == [(number, number), (number, number), (number, None)]
    assert [v.fact.version for v in versions] == [1, 2, 2]
    (held,) = store.mirror.consents_at(granted.subject, number)
    assert (held.version, held.state) == (2, ConsentState.WITHDRAWN)
    assert [fact for fact in store.mirror.facts_at(number) if key_of(fact) == key_of(held)] == [held]
    assert [fact for fact in store.mirror.facts_changed(number - 1, number) if key_of(fact) == key_of(held)] == [held]
    made = [logged.event for logged in store.mirror.events_for("Consent", granted.subject, granted.id)]
    assert made == [granted, second, withdrawn]


def test_heads_and_accesses_come_with_their_events(store):
    chain, history = chain_of(7, blocks=1)
    (log,) = (key[1] for key in history.world.facts if key[0] == "Head")
    study, engine = b"\x03" * 32, b"\x04" * 32
    chain.mine(
        ev.HeadAnchored(log, 5, b"\x05" * 32, 1, b"\x01" * 32),
        ev.AccessesRecorded(study, engine, log, pack_entries([(3, b"\x05" * 32), (4, b"\x06" * 32)])),
    )
    chain.mine(ev.AccessesRecorded(study, engine, log, pack_entries([(2, b"\x07" * 32)])))
    fill(store.mirror, chain)
    heads = store.mirror.heads_of(log)
    assert [head.size for head, _ in heads][-1] == 5
    assert all((logged.event.size, logged.event.root) == (head.size, head.root) for head, logged in heads)
    assert store.mirror.head_of(log) == Head(log, 5, b"\x05" * 32)
    accesses = store.mirror.accesses_of(log)
    assert [access.index for access, _ in accesses] == sorted(access.index for access, _ in accesses)
    assert (Access(log, 2, b"\x07" * 32, study, engine), chain.events_between(6, 6)[0]) in accesses
    places = {access.index: logged.log_index for access, logged in accesses if access.study == study}
    assert places.keys() == {2, 3, 4}
    assert places[3] == places[4] != places[2], "one event tells of two"
    assert store.mirror.history("Access", log, (2).to_bytes(8, "big")) == [
        Interval(Access(log, 2, b"\x07" * 32, study, engine), 6, None, 0)
    ]


def test_the_digest_does_not_depend_on_the_batches_but_on_every_fact(store):
    chain, _ = chain_of(8)
    fill(store.mirror, chain, batch=4)
    other = MemoryMirror()
    fill(other, chain, batch=1)
    assert store.mirror.cursor() == other.cursor()
    digests = [held.digest for held in store.mirror.blocks_in(0, 100)]
    assert len(set(digests)) == len(digests) == 13


def test_a_roll_back_is_the_inverse_of_what_was_taken(store):
    chain, _ = chain_of(9, blocks=14)
    oracle = MemoryMirror()
    fill(store.mirror, chain, upto=9)
    fill(oracle, chain, upto=9)
    before = everything(store.mirror)
    fill(store.mirror, chain)
    fence = store.mirror.lease("test", at=0, seconds=60)
    assert store.mirror.roll_back(9, fence=fence) == oracle.cursor()
    assert everything(store.mirror) == before == everything(oracle)
    fill(store.mirror, chain)
    fill(oracle, chain)
    assert everything(store.mirror) == everything(oracle)


def test_a_roll_back_below_the_first_block_empties_the_mirror(store):
    chain, _ = chain_of(10, blocks=3)
    fill(store.mirror, chain)
    fence = store.mirror.lease("test", at=0, seconds=60)
    assert store.mirror.roll_back(chain.first_block - 1, fence=fence) is None
    assert everything(store.mirror) == everything(MemoryMirror())
    fill(store.mirror, chain)
    assert store.mirror.cursor().block == chain.head()


def test_a_roll_back_to_the_cursor_or_above_changes_nothing(store):
    chain, _ = chain_of(11, blocks=3)
    cursor = fill(store.mirror, chain)
    before = everything(store.mirror)
    fence = store.mirror.lease("test", at=0, seconds=60)
    assert store.mirror.roll_back(cursor.block.number, fence=fence) == cursor
    assert store.mirror.roll_back(cursor.block.number + 5, fence=fence) == cursor
    assert everything(store.mirror) == before


def branch(seed: int, kept: int, salt: int, more: int) -> list[list[ev.Event]]:
    """``kept`` blocks of a seed's history, and ``more`` that depend on the salt too."""
    history = History(seed)
    blocks = [history.block() if number else history.opening() for number in range(kept)]
    history.random.seed(salt)
    return blocks + [history.block() if blocks or number else history.opening() for number in range(more)]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(100, 1 << 30), kept=st.integers(0, 6), more=st.integers(1, 5), batch=st.integers(1, 6))
def test_a_branch_after_a_roll_back_equals_that_branch_alone(store, seed, kept, more, batch):
    chain = FakeChain()
    for events in branch(seed, kept, salt=1, more=4):
        chain.mine(*events)
    fence = store.mirror.lease("test", at=0, seconds=60)
    store.mirror.roll_back(0, fence=fence)
    fill(store.mirror, chain, batch=batch)
    chain.reorg(4, branch(seed, kept, salt=2, more=more)[kept:])
    store.mirror.roll_back(chain.first_block + kept - 1, fence=fence)
    fill(store.mirror, chain, batch=batch)
    oracle = MemoryMirror()
    fill(oracle, chain, batch=1)
    assert everything(store.mirror) == everything(oracle)


def test_the_lease_belongs_to_one_until_it_lapses(store):
    first = store.mirror.lease("a", at=100, seconds=10)
    assert store.mirror.writer() == Lease("a", first, 110)
    assert store.mirror.lease("a", at=105, seconds=10) == first
    with pytest.raises(WrongState):
        store.mirror.lease("b", at=114, seconds=10)
    second = store.mirror.lease("b", at=115, seconds=10)
    assert second > first
    with pytest.raises(WrongState):
        store.mirror.lease("a", at=116, seconds=10)
    third = store.mirror.lease("b", at=200, seconds=10)
    assert third > second


def test_a_lease_that_is_given_back_is_free_at_once_and_its_number_is_over(store):
    first = store.mirror.lease("a", at=100, seconds=10)
    store.mirror.release(fence=first)
    second = store.mirror.lease("b", at=101, seconds=10)
    assert second > first
    store.mirror.release(fence=first)
    assert store.mirror.writer() == Lease("b", second, 111), "what is over gives nothing back"


def test_a_writer_whose_lease_went_to_another_writes_nothing(store):
    chain, _ = chain_of(12, blocks=2)
    old = store.mirror.lease("a", at=100, seconds=10)
    new = store.mirror.lease("b", at=200, seconds=10)
    blocks, events = chain.blocks(3, 4), chain.events_between(3, 4)
    with pytest.raises(WrongState):
        store.mirror.take(blocks, events, fence=old, expect=None)
    assert store.mirror.cursor() is None
    store.mirror.take(blocks, events, fence=new, expect=None)
    with pytest.raises(WrongState):
        store.mirror.roll_back(3, fence=old)
    assert store.mirror.cursor().block.number == 4


def test_nobody_writes_without_a_lease(store):
    chain, _ = chain_of(12, blocks=1)
    with pytest.raises(WrongState):
        store.mirror.take(chain.blocks(3, 3), chain.events_between(3, 3), fence=1, expect=None)


def test_the_cursor_must_stand_where_the_writer_believes(store):
    chain, _ = chain_of(13, blocks=5)
    early = fill(store.mirror, chain, upto=4)
    fill(store.mirror, chain, upto=6)
    before = everything(store.mirror)
    fence = store.mirror.lease("test", at=0, seconds=60)
    for expect, first in ((early, 5), (None, 3), (replace(store.mirror.cursor(), digest=bytes(32)), 7)):
        with pytest.raises(WrongState):
            store.mirror.take(chain.blocks(first, 8), chain.events_between(first, 8), fence=fence, expect=expect)
    assert everything(store.mirror) == before


def test_blocks_that_do_not_follow_or_events_that_do_not_belong_are_refused(store):
    chain, _ = chain_of(14, blocks=6)
    cursor = fill(store.mirror, chain, upto=4)
    before = everything(store.mirror)
    fence = store.mirror.lease("test", at=0, seconds=60)
    blocks, events = chain.blocks(5, 8), chain.events_between(5, 8)
    stray = chain.events_between(3, 3)
    for wrong in (
        ([], []),
        (blocks[1:], chain.events_between(6, 8)),
        ([blocks[0], blocks[2]], []),
        ([replace(blocks[0], parent=bytes(32))], []),
        (blocks, stray + events),
        (blocks, events + stray),
        (blocks[:1], events),
    ):
        with pytest.raises(InvalidInput):
            store.mirror.take(*wrong, fence=fence, expect=cursor)
    assert everything(store.mirror) == before


def test_an_event_that_presupposes_what_never_happened_stops_the_mirror(store):
    chain = FakeChain()
    chain.mine(ev.InstitutionStateChanged(b"\x01" * 32, 2))
    fence = store.mirror.lease("test", at=0, seconds=60)
    with pytest.raises(MirrorDiverged):
        store.mirror.take(chain.blocks(3, 3), chain.events_between(3, 3), fence=fence, expect=None)
    assert store.mirror.cursor() is None


def test_who_wrote_and_who_reads_are_told_the_same_changes(store):
    """The writer does not read back what it wrote; another program must."""
    chain, _ = chain_of(9, blocks=8)
    reader = SqlMirror(store._database, read_event) if isinstance(store, Store) else store.mirror
    for batch in (1, 2, 3):
        for number in range(chain.first_block, chain.head().number + 1):
            fill(store.mirror, chain, upto=number, batch=batch)
            for since in range(number):
                told = set(store.mirror.facts_changed(since, number))
                assert told == set(reader.facts_changed(since, number)), (since, number)
        store.mirror.roll_back(chain.head().number - 4, fence=store.mirror.lease("test", at=0, seconds=60))


def test_a_fact_that_a_later_batch_replaced_is_told_once(store):
    chain, _ = chain_of(9, blocks=8)
    fill(store.mirror, chain, batch=1)
    facts = list(store.mirror.facts_changed(chain.first_block, chain.head().number))
    assert len({key_of(fact) for fact in facts}) == len(facts) > 0
