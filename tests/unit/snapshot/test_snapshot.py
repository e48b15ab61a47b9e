"""The compiled snapshot: equal to the rule, never changed, and the same however its facts came."""

from dataclasses import replace

import numpy as np
import pytest

from ledger.domain import policy
from ledger.domain.consent import Consent, ConsentState, Scope
from ledger.domain.directory import Engine, Institution, Study, StudyState
from ledger.domain.events import Block
from ledger.domain.policy import Request
from ledger.domain.projection import Subject, World, key_of
from ledger.domain.vocabulary import ANY16, ANY32, FOREVER
from ledger.snapshot import snapshot as module
from ledger.snapshot.snapshot import Snapshot
from tests.fakes.histories import History

NOW = 1_800_000_000
INSTITUTION, STUDY, ENGINE, CUSTODIAN = (bytes([n]) * 32 for n in (1, 2, 3, 4))
REQUEST = Request(STUDY, ENGINE, 1, 1)


def block(number):
    return Block(number, number.to_bytes(32, "big"), bytes(32), NOW + number)


def consent(subject, name, version=1, *, state=ConsentState.ACTIVE, **changes):
    fields = {
        "effect": 1,
        "recipient_kind": 1,
        "recipient": bytes(32),
        "purposes": ANY16,
        "conditions": ANY16,
        "operations": ANY16,
        "categories": ANY32,
        "valid_from": 0,
        "valid_until": FOREVER,
        "data_from": 0,
        "data_until": FOREVER,
        "diseases": 0,
        "terms": b"\x09" * 32,
    }
    scope = Scope(**{**fields, **changes})
    return Consent(subject, bytes([name]) * 32, version, scope, 1, scope.valid_until, state=state)


def directory():
    return [
        Institution(INSTITUTION, 1, "hospital", b"\x05" * 20),
        Study(STUDY, INSTITUTION, 1, "study", 1, 0, 1, b"\x06" * 32, FOREVER, state=StudyState.ACTIVE),
        Engine(ENGINE, INSTITUTION, "engine", b"\x07" * 20, 1),
    ]


def subject(number):
    return number.to_bytes(32, "big")


def permitted(snapshot, *numbers):
    subjects = [subject(n) for n in numbers]
    found = snapshot.decide(REQUEST, subjects, NOW)
    assert list(snapshot.sheet(REQUEST, subjects, NOW)) == found
    return [decision.permitted for decision in found]


@pytest.fixture
def first():
    facts = [*directory(), *(Subject(subject(n), CUSTODIAN) for n in range(1, 5)), consent(subject(1), 1)]
    return Snapshot.build(block(1), facts)


def test_a_grant_an_amendment_and_a_withdrawal_arrive(first):
    assert permitted(first, 1, 2, 99) == [True, False, False]
    second = first.advance(block(2), [consent(subject(2), 2)])
    assert permitted(second, 1, 2) == [True, True]
    third = second.advance(block(3), [consent(subject(2), 2, version=2, operations=2)])
    assert permitted(third, 1, 2) == [True, False]
    fourth = third.advance(block(4), [consent(subject(1), 1, state=ConsentState.WITHDRAWN)])
    assert permitted(fourth, 1, 2) == [False, False]


def test_what_a_reader_holds_never_changes(first):
    views = [first]
    for number in range(2, 30):
        change = consent(subject(1 + number % 4), number, effect=1 + number % 2)
        views.append(views[-1].advance(block(number), [change]))
    assert permitted(first, 1, 2, 3, 4) == [True, False, False, False]
    assert [view.block.number for view in views] == list(range(1, 30))
    assert permitted(views[1], 3, 1) == [True, True]


def test_a_new_subject_is_known_at_once_and_belongs_to_its_custodian(first):
    other = b"\x0b" * 32
    second = first.advance(block(2), [Subject(subject(9), other), consent(subject(9), 7)])
    assert permitted(second, 9) == [True]
    assert second.subjects(other) == [subject(9)]
    assert subject(9) in second.subjects()
    assert subject(9) not in first.subjects()
    assert first.subjects(other) == []


def test_states_of_the_directory_arrive(first):
    study = replace(first.studies[STUDY], state=StudyState.SUSPENDED)
    assert permitted(first.advance(block(2), [study]), 1) == [False]
    assert permitted(first, 1) == [True]


def test_the_order_of_facts_in_a_block_does_not_matter(first):
    facts = [consent(subject(9), 7), Subject(subject(9), CUSTODIAN), consent(subject(9), 8, effect=2)]
    assert permitted(first.advance(block(2), facts), 9) == permitted(first.advance(block(2), facts[::-1]), 9) == [False]


@pytest.mark.parametrize("fold_at", [0, 3, 10_000], ids=["folded at once", "folded now and then", "never folded"])
def test_folding_changes_no_answer(fold_at, monkeypatch):
    """A long history, block by block, against a snapshot that is built at its end."""
    monkeypatch.setattr(module, "FOLD_LEAST", fold_at)
    monkeypatch.setattr(module, "FOLD_AT", 0)
    history, world = History(5), World()
    snapshot = Snapshot.build(block(0), ())
    for number in range(1, 60):
        changed = {}
        for event in history.opening() if number == 1 else history.block():
            for fact in world.apply(event):
                changed[key_of(fact)] = fact
        snapshot = snapshot.advance(block(number), changed.values())
    rebuilt = Snapshot.build(block(59), world.facts.values())
    subjects = [*world.by_subject, b"\xee" * 32]
    assert len(subjects) > 20
    for study in world.facts.values():
        if not isinstance(study, Study):
            continue
        engine = next(fact for fact in world.facts.values() if isinstance(fact, Engine))
        for operation in (1, 8):
            request = Request(study.id, engine.id, operation, 1)
            expected = [policy.decide(request, world.setting(request), world.consents(s), NOW) for s in subjects]
            assert snapshot.decide(request, subjects, NOW) == expected
            assert rebuilt.decide(request, subjects, NOW) == expected


def test_a_snapshot_of_nothing_knows_nobody():
    empty = Snapshot.build(block(1), ())
    assert empty.subjects() == []
    assert permitted(empty, 1) == [False]


def test_the_ids_of_chosen_subjects_come_in_the_order_of_their_numbers(first):
    second = first.advance(block(2), [consent(subject(20 + place), 100 + place) for place in range(7)])
    for table in (first.table, second.table):
        for step in (1, 2, 3):
            chosen = np.arange(table.subjects) % step == 0
            ids = [table.id(place) for place in range(0, table.subjects, step)]
            assert table.ids(chosen) == b"".join(ids)
        assert table.ids(np.zeros(table.subjects, bool)) == b""
