"""The table: whatever is added, folded or gone on from elsewhere, each state says what the pure rule says of its facts.

One machine holds several states at once, each with a plain world beside it, and asks all of them after every step.
"""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain import policy
from ledger.domain.consent import ConsentState
from ledger.domain.directory import Study, StudyState
from ledger.domain.policy import Request
from ledger.domain.projection import Subject, World
from ledger.domain.vocabulary import ANY16, ANY32, FOREVER
from ledger.errors import MirrorDiverged, MirrorLagging
from ledger.snapshot import cohort
from ledger.snapshot import snapshot as module
from ledger.snapshot.cohort import commit
from ledger.snapshot.snapshot import Snapshot
from ledger.transparency.register import verify_paged
from tests.unit.snapshot.test_snapshot import ENGINE, INSTITUTION, NOW, STUDY, block, consent, directory

SUBJECTS = [bytes([60 + place]) * 32 for place in range(5)]
CUSTODIANS = [bytes([40 + place]) * 32 for place in range(2)]
TIMES = (0, NOW - 1, NOW, NOW + 1, NOW + 9, FOREVER)
STUDY_WITH_MUCH = Study(
    STUDY,
    INSTITUTION,
    1,
    "study",
    0b101,
    0b10,
    2,
    b"\x06" * 32,
    NOW + 20,
    diseases=((1, 2), (3, 2)),
    state=StudyState.ACTIVE,
)


@st.composite
def consents(draw):
    since, until = sorted(draw(st.lists(st.sampled_from(TIMES), min_size=2, max_size=2, unique=True)))
    purposes = draw(st.sampled_from([ANY16, 1, 2, 4, 8, 12, 1 << 14]))
    permit = draw(st.booleans()) or (purposes & 8 and purposes != ANY16)
    made = consent(
        draw(st.sampled_from(SUBJECTS)),
        draw(st.integers(1, 3)),
        draw(st.integers(0, 3)),
        state=draw(st.sampled_from([ConsentState.ACTIVE] * 4 + [ConsentState.WITHDRAWN])),
        effect=1 if permit else 2,
        recipient_kind=(kind := draw(st.sampled_from([1, 1, 2, 3]))),
        recipient=bytes(32) if kind == 1 else draw(st.sampled_from([INSTITUTION, STUDY])),
        purposes=purposes,
        diseases=draw(st.sampled_from([2, 1 | 3 << 32, 1, 5])) if purposes & 8 and purposes != ANY16 else 0,
        conditions=draw(st.sampled_from([ANY16, 0b10, 0b11, 0b1])),
        operations=draw(st.sampled_from([ANY16, 1, 2])),
        categories=draw(st.sampled_from([ANY32, 1, 3, 2])),
        valid_from=since,
        valid_until=until,
        data_from=draw(st.sampled_from([0, 10])),
        data_until=draw(st.sampled_from([20, FOREVER])),
    )
    return replace(made, terms_version=draw(st.sampled_from([1, 2, 3])))


facts = st.lists(
    st.one_of(
        consents(), consents(), consents(), st.builds(Subject, st.sampled_from(SUBJECTS), st.sampled_from(CUSTODIANS))
    ),
    max_size=5,
    unique_by=lambda fact: (type(fact), fact.id, getattr(fact, "subject", b"")),
)
requests = st.builds(
    Request,
    st.just(STUDY),
    st.just(ENGINE),
    st.sampled_from([1, 1, 2, 3]),
    st.sampled_from([1, 3, 1 << 20]),
    st.sampled_from([0, 5, 10]),
    st.sampled_from([15, FOREVER]),
)


class Pair:
    """A snapshot, and the facts that it must hold."""

    def __init__(self, number, held, snapshot):
        self.number, self.held, self.snapshot = number, held, snapshot

    @classmethod
    def start(cls, found):
        held = {}
        put(held, found)
        return cls(1, held, Snapshot.build(block(1), [*opening(), *held.values()]))

    def then(self, found):
        held = dict(self.held)
        fresh = put(held, found)
        return Pair(self.number + 1, held, self.snapshot.advance(block(self.number + 1), fresh))

    def check(self, request, at):
        world = World()
        for fact in [*opening(), *self.held.values()]:
            world.put(fact)
        people = {fact.id: fact.custodian for fact in self.held.values() if isinstance(fact, Subject)}
        expected = {
            subject: policy.decide(
                request, world.setting(request), world.consents(subject) if subject in people else None, at
            )
            for subject in SUBJECTS
        }
        assert dict(zip(SUBJECTS, self.snapshot.decide(request, SUBJECTS, at), strict=True)) == expected
        assert dict(zip(SUBJECTS, self.snapshot.sheet(request, SUBJECTS, at), strict=True)) == expected
        for custodian in (None, *CUSTODIANS, b"\x77" * 32):
            asked = [subject for subject in people if custodian in (None, people[subject])]
            assert self.snapshot.subjects(custodian) == sorted(asked)
            found = self.snapshot.cohort(request, at, custodian)
            named = {self.snapshot.table.id(place) for place in found.permitted.nonzero()[0].tolist()}
            assert named == {subject for subject in asked if expected[subject].permitted}
            assert found.considered.sum() == len(asked)
            self.check_commitment(found, named)
            assert found.reasons == Counter(expected[subject].reason for subject in asked)
            assert found.valid_until == min((expected[subject].valid_until for subject in asked), default=FOREVER)

    def check_commitment(self, found, permitted):
        table = self.snapshot.table
        made = commit(table, found, b"s" * 32)
        assert made.commitment.considered == found.considered.sum()
        for place in range(table.shared.built):
            said = verify_paged(made.prove(place), made.commitment)
            assert said is ((table.id(place) in permitted) if found.considered[place] else None)


def put(held, found):
    """Add facts as the chain would give them; returns those that are new."""
    fresh = []
    for fact in found:
        key = (type(fact).__name__, getattr(fact, "subject", b""), fact.id)
        if isinstance(fact, Subject) and key in held:
            continue
        held[key] = fact
        fresh.append(fact)
    return fresh


def opening():
    return [*(fact for fact in directory() if not isinstance(fact, Study)), STUDY_WITH_MUCH]


@pytest.mark.parametrize("fold_at", [0, 2, 10_000], ids=["folded at once", "folded now and then", "never folded"])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_every_state_says_what_the_rule_says(fold_at, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FOLD_LEAST", fold_at)
        patch.setattr(module, "FOLD_AT", 0)
        if data.draw(st.booleans()):  # in many small parts, by several threads
            patch.setattr(cohort, "PART", 2)
            patch.setattr(cohort, "_LEAST_PARTS", 0)
        pairs = [Pair.start(data.draw(facts))]
        for _ in range(data.draw(st.integers(1, 5))):
            pairs.append(data.draw(st.sampled_from([pairs[-1], *pairs])).then(data.draw(facts)))
        for pair in pairs:
            for _ in range(2):
                pair.check(data.draw(requests), data.draw(st.sampled_from(TIMES)))


def test_facts_that_break_off_leave_the_state_before_as_it_was():
    first = Snapshot.build(block(1), [*directory(), Subject(SUBJECTS[0], CUSTODIANS[0]), consent(SUBJECTS[0], 1)])

    def broken():
        yield consent(SUBJECTS[0], 1, version=2, effect=2)
        yield consent(SUBJECTS[0], 2, effect=2)
        raise MirrorLagging("the database went away")

    request = Request(STUDY, ENGINE, 1, 1)
    for _ in range(3):
        with pytest.raises(MirrorLagging):
            first.advance(block(2), broken())
        assert first.decide(request, SUBJECTS[:1], NOW)[0].permitted
    second = first.advance(block(2), [consent(SUBJECTS[0], 3)])
    assert second.decide(request, SUBJECTS[:1], NOW)[0].permitted
    assert len(list(second.table.rows_of(0))) == 2


def test_many_consents_of_many_subjects_outgrow_every_column():
    people = [place.to_bytes(32, "big") for place in range(1, 400)]
    snapshot = Snapshot.build(block(1), directory())
    snapshots = [snapshot]
    for number, subject in enumerate(people, start=2):
        snapshot = snapshot.advance(
            block(number), [Subject(subject, CUSTODIANS[0]), consent(subject, 1, operations=1 + number % 3)]
        )
        snapshots.append(snapshot)
    request = Request(STUDY, ENGINE, 1, 1)
    for after in (0, 1, 63, 64, 65, 399):
        found = snapshots[after].decide(request, people, NOW)
        assert [one.permitted for one in found] == [
            place < after and (place + 2) % 3 != 1 for place in range(len(people))
        ]
        assert snapshots[after].cohort(request, NOW).permitted.sum() == sum(one.permitted for one in found)


def test_an_id_that_is_none_is_refused_aloud():
    with pytest.raises(MirrorDiverged, match="3 bytes"):
        Snapshot.build(block(1), [Subject(b"abc", CUSTODIANS[0])])
