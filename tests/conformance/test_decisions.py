"""One rule, three times: the contract's view, the Python function and the snapshot give the same answer.

Worlds are random, and real: each consent is a signed act that the committed contracts took in, the facts come from the
events that they wrote, and the snapshot is built from those facts. The second half breaks each of the three on purpose
and asks that the comparison says so.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.domain import events as ev
from ledger.domain import policy
from ledger.domain.decision import NOT_ON_CHAIN, OF_DATA_USE, Decision, Reason
from ledger.domain.events import Block, Event
from ledger.domain.policy import Request
from ledger.domain.projection import World, key_of
from ledger.domain.vocabulary import ACCEPTS, TOUCHES, Capacity, Use
from ledger.snapshot import answers, building, profiles, table
from ledger.snapshot import snapshot as snapshots
from ledger.snapshot.snapshot import Snapshot
from tests.support.mutants import mutant
from tests.support.revm import Revm
from tests.support.worlds import NOW, Played, WorldMaker

BLOCK = Block(1, b"\x01" * 32, bytes(32), NOW)
STRANGER = b"\xee" * 32
SEEDS = range(24)
Rule = Callable[..., Decision]


@dataclass
class Case:
    """One question to a played world, about every subject of it and one that nobody enrolled."""

    played: Played
    request: Request
    at: int

    @cached_property
    def subjects(self) -> list[bytes]:
        return [*self.played.subjects, STRANGER]

    @cached_property
    def contract(self) -> list[Decision]:
        """What the contract says; the world does not change after it was played."""
        return [self.played.evm.decide(subject, self.request, self.at) for subject in self.subjects]


@dataclass(frozen=True)
class Difference:
    """A subject on which the three disagree."""

    contract: Decision
    function: Decision
    snapshot: Decision


def world_of(events: Sequence[Event]) -> World:
    world = World()
    for event in events:
        world.apply(event)
    return world


def snapshot_of(events: Sequence[Event], steps: int = 1) -> Snapshot:
    """A snapshot of the world, built at once or advanced block by block."""
    snapshot = Snapshot.build(BLOCK, ())
    world = World()
    size = -(-len(events) // steps)
    for start in range(0, len(events), size):
        changed = {}
        for event in events[start : start + size]:
            for fact in world.apply(event):
                changed[key_of(fact)] = fact
        snapshot = snapshot.advance(replace(BLOCK, number=snapshot.block.number + 1), changed.values())
    return snapshot


def compare(
    case: Case, world: World, snapshot: Snapshot, *, rule: Rule = policy.decide, answered: Counter[Reason] | None = None
) -> list[Difference]:
    """Put one question to all three, about every subject; returns where they disagree."""
    fast = snapshot.decide(case.request, case.subjects, case.at)
    found = []
    for subject, first, third in zip(case.subjects, case.contract, fast, strict=True):
        second = rule(case.request, world.setting(case.request), world.consents(subject), case.at)
        if answered is not None:
            answered[first.reason] += 1
        if not first == second == third:
            found.append(Difference(first, second, third))
    return found


def cases(maker: WorldMaker, played: Played, count: int) -> Iterator[Case]:
    for _ in range(count):
        yield Case(played, maker.request(), maker.instant())


# --- the three are equal ----------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_contract_function_and_snapshot_agree_on_any_world(random):
    maker = WorldMaker(random, Revm(NOW))
    played = maker.make(subjects=3, consents=4)
    world, snapshot = world_of(played.events), snapshot_of(played.events)
    for case in cases(maker, played, 8):
        assert not compare(case, world, snapshot), case


def test_they_agree_on_many_worlds_and_every_reason_comes_up():
    answered: Counter[Reason] = Counter()
    for seed in SEEDS:
        maker = WorldMaker(Random(seed), Revm(NOW))
        played = maker.make(subjects=24, consents=6)
        world = world_of(played.events)
        snapshot = snapshot_of(played.events, steps=1 + seed % 5)
        for case in cases(maker, played, 16):
            assert not compare(case, world, snapshot, answered=answered), (seed, case.request, case.at)
    assert answered.total() > 9_000
    assert set(answered) == set(Reason) - NOT_ON_CHAIN - OF_DATA_USE, "a reason was never tested"
    assert min(answered.values()) > 10, answered


def test_the_order_in_which_facts_come_does_not_matter():
    for seed in range(6):
        maker = WorldMaker(Random(seed), Revm(NOW))
        played = maker.make(subjects=8, consents=6)
        world = world_of(played.events)
        facts = list(world.facts.values())
        Random(seed).shuffle(facts)
        snapshot = Snapshot.build(BLOCK, facts)
        for case in cases(maker, played, 12):
            assert not compare(case, world, snapshot)


def test_a_consent_ends_with_the_authority_of_the_guardian_or_proxy_who_gave_it():
    """All three read the end from the event, so that they agree on a wrong one too: here it is computed anew."""
    cut = 0
    for seed in range(8):
        events = WorldMaker(Random(seed), Revm(NOW)).make(subjects=24, consents=6).events
        authority = {
            (event.subject, event.signer): (event.capacity, event.until)
            for event in events
            if isinstance(event, ev.SubjectEnrolled | ev.SignerAdded)
        }
        for event in events:
            if not isinstance(event, ev.ConsentRecorded):
                continue
            capacity, until = authority[event.subject, event.signer]
            signed = event.scope.valid_until
            cuts = capacity in (Capacity.GUARDIAN, Capacity.PROXY)
            assert event.capacity == capacity
            assert event.valid_until == (min(signed, until) if cuts else signed)
            cut += event.valid_until < signed
    assert cut > 20


# --- and the comparison can fail --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus() -> list[tuple[list[Case], World]]:
    """A fixed set of questions, on which each fault below must show."""
    made = []
    for seed in range(100, 124):
        maker = WorldMaker(Random(seed), Revm(NOW))
        played = maker.make(subjects=24, consents=6)
        made.append((list(cases(maker, played, 30)), world_of(played.events)))
    return made


def differences(
    corpus: list[tuple[list[Case], World]],
    *,
    rule: Rule = policy.decide,
    snapshot: Callable[[World], Snapshot] | None = None,
    enough: int = 1,
) -> list[Difference]:
    """The first differences that the comparison finds on the corpus."""
    found: list[Difference] = []
    for questions, world in corpus:
        built = (snapshot or (lambda world: Snapshot.build(BLOCK, world.facts.values())))(world)
        for case in questions:
            found += compare(case, world, built, rule=rule)
            if len(found) >= enough:
                return found
    return found


def test_the_corpus_itself_shows_no_difference(corpus):
    assert not differences(corpus)


FAULTY_RULES = {
    "a deny is ignored": ("if touches(consent.scope, request, study):", "if False:"),
    "a deny must cover all uses": ("any(scope.purposes & TOUCHES[use] for", "all(scope.purposes & TOUCHES[use] for"),
    "a deny needs no condition": (
        "and (scope.conditions == ANY16 or bool(study.conditions & scope.conditions))",
        "and True",
    ),
    "a deny must contain the window": (
        "and scope.data_from < request.data_until\n        and request.data_from < scope.data_until",
        "and scope.data_from <= request.data_from\n        and request.data_until <= scope.data_until",
    ),
    "one use is enough": ("all(accepts(scope, use, study) for", "any(accepts(scope, use, study) for"),
    "a disease without a match": ("return all(not named.isdisjoint", "return any(not named.isdisjoint"),
    "general research on a disease consent": ("if scope.purposes & ACCEPTS[use]:", "if scope.purposes:"),
    "conditions are ignored": ("and not study.conditions & ~scope.conditions", ""),
    "categories need only overlap": (
        "and not request.categories & ~scope.categories",
        "and request.categories & scope.categories",
    ),
    "the operation is ignored": (
        "and bool(request.operation & scope.operations)\n        and scope.data_from <=",
        "and scope.data_from <=",
    ),
    "the data window is ignored": ("and scope.data_from <= request.data_from", ""),
    "the recipient is ignored": ("return scope.recipient == study.id", "return True"),
    "withdrawn consents count": ("if consent.state is not ConsentState.ACTIVE:", "if False:"),
    "the end is inside the validity": ("if at >= consent.valid_until:", "if at > consent.valid_until:"),
    "the start is outside the validity": ("if at < consent.scope.valid_from:", "if at <= consent.scope.valid_from:"),
    "a guardian's cut is forgotten": ("if at >= consent.valid_until:", "if at >= consent.scope.valid_until:"),
    "the next start is forgotten": ("until = min(until, consent.scope.valid_from)", "pass"),
    "stale terms count": (">= study.required_terms", ">= 0"),
    "the highest id is named": ("found.id < held.id", "found.id > held.id"),
    "ethics end one second late": ("if at >= study.ethics_until:", "if at > study.ethics_until:"),
    "any engine will do": ("if engine.institution != study.institution:", "if False:"),
    "two operations at once": ("or operation.bit_count() != 1", "or operation == 0"),
    "unknown categories pass": ("or request.categories & ~KNOWN_CATEGORIES", ""),
}


@pytest.mark.parametrize("fault", FAULTY_RULES)
def test_a_faulty_function_is_noticed(corpus, fault):
    faulty = mutant(policy, FAULTY_RULES[fault])
    assert differences(corpus, rule=faulty.decide), fault


FAULTY_SNAPSHOTS: dict[str, tuple[ModuleType, tuple[str, str]]] = {
    "a deny is ignored": (profiles, ("verdict[(kind == _DENY) & touches] = DENIES", "")),
    "a permit of others": (profiles, ("found |= who == number", "found |= who > 0")),
    "categories need only overlap": (
        profiles,
        ("& ((~categories & match.categories) == 0)", "& ((categories & match.categories) != 0)"),
    ),
    "stale terms count": (profiles, ('columns["terms"] >= match.required_terms', 'columns["terms"] >= 0')),
    "a disease without a match": (profiles, ("all(not named.isdisjoint", "any(not named.isdisjoint")),
    "the latest consent wins": (answers, ("rows.id(row) < deciding[0].id(deciding[1])", "True")),
    "the end is inside the validity": (
        answers,
        ("if at >= end:\n            continue", "if at > end:\n            continue"),
    ),
    "the end of an only consent is inside the validity": (
        answers,
        ("if at >= end:\n        return", "if at > end:\n        return"),
    ),
    "the scope's end instead of the effective one": (
        table,
        (", consent.valid_until, ", ", consent.scope.valid_until, "),
    ),
    "withdrawn consents stay": (table, ("if consent.state is not ConsentState.ACTIVE:", "if False:")),
}


@pytest.mark.parametrize("fault", FAULTY_SNAPSHOTS)
def test_a_faulty_snapshot_is_noticed(corpus, fault, monkeypatch):
    module, change = FAULTY_SNAPSHOTS[fault]
    faulty = mutant(module, change)
    used = ((building, "Profiles"), (building, "compile_row"), (building, "State"), (snapshots, "answer_all"))
    for user, name in used:
        if getattr(user, name).__module__ == module.__name__:
            monkeypatch.setattr(user, name, getattr(faulty, name))
    assert differences(corpus), fault


def test_mixing_the_attributes_of_two_consents_is_noticed(corpus):
    """Bitmaps by attribute over subjects do this: what one consent says of purposes joins another's operations."""

    def mixed(world: World) -> Snapshot:
        snapshot = Snapshot.build(BLOCK, world.facts.values())
        known = snapshot.table.shared.profiles
        columns = known._columns
        for subject in world.by_subject:
            held = list(snapshot.table.rows_of(snapshot.table.find(subject)))
            numbers = [int(rows.profile.array[row]) for rows, row in held]
            permits = [number for number in numbers if columns["kind"].array[number] == profiles._PERMIT]
            for number in permits:
                values = {name: int(column.array[number]) for name, column in columns.items()}
                for name in ("purposes", "operations", "categories", "conditions"):
                    values[name] = int(np.bitwise_or.reduce(columns[name].array[permits]))
                blend = known._intern((subject, number), tuple(values.values()))
                for rows, row in held:
                    if rows.profile.array[row] == number:
                        rows.profile.array[row] = blend
        return snapshot

    found = differences(corpus, snapshot=mixed, enough=40)
    wrong_permits = [one for one in found if one.snapshot.permitted and not one.contract.permitted]
    assert wrong_permits, "no wrong permit among the differences"


@pytest.mark.parametrize(
    ("name", "table"), [("what permits accept", ACCEPTS), ("what denies touch", TOUCHES)], ids=["accepts", "touches"]
)
def test_a_faulty_contract_is_noticed(name, table):
    """A bit of the contract's own table is another: general research would pass as research on any disease."""
    right = sum(int(table[use]) << (16 * place) for place, use in enumerate(Use))
    wrong = right ^ 0b0000_0100  # health research, in the lane of general research
    size = (right.bit_length() + 7) // 8
    patch = {"ConsentRegistry": (right.to_bytes(size, "big"), wrong.to_bytes(size, "big"))}
    found: list[Difference] = []
    for seed in range(100, 130):
        maker = WorldMaker(Random(seed), Revm(NOW, patch))
        played = maker.make(subjects=24, consents=6)
        world = world_of(played.events)
        snapshot = snapshot_of(played.events)
        for case in cases(maker, played, 30):
            found += compare(case, world, snapshot)
        if found:
            break
    assert found, name
    assert all(one.function == one.snapshot for one in found), "the two that are right agree"


LOSSES: dict[str, Callable[[Event, bytes], bool]] = {
    "withdrawals": lambda event, _: isinstance(event, ev.ConsentWithdrawn | ev.AllWithdrawn),
    "states of studies": lambda event, _: isinstance(event, ev.StudyStateChanged),
    "one subject": lambda event, subject: getattr(event, "subject", None) == subject,
}


@pytest.mark.parametrize("lost", LOSSES)
def test_a_copy_that_lost_events_is_noticed(corpus, lost):
    """The mirror holds another world than the chain: some events never reached it."""
    found: list[Difference] = []
    for questions, _ in corpus:
        played = questions[0].played
        world = world_of([event for event in played.events if not LOSSES[lost](event, played.subjects[0])])
        snapshot = Snapshot.build(BLOCK, world.facts.values())
        for case in questions:
            found += compare(case, world, snapshot)
    assert found
    assert all(one.function == one.snapshot for one in found), "the two copies hold the same wrong world"
