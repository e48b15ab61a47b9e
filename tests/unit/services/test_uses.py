"""Who used my data: every decision about a subject, refused ones too, with what came of it."""

import pytest

from ledger.domain.audit import Kind, NewEntry
from ledger.domain.decision import Reason
from ledger.services.anchor import anchor
from ledger.services.entries import all_decisions_on
from ledger.services.uses import uses_of


@pytest.fixture
def used(house, patient):
    house.on_chain(house.scene.consent(patient))
    return house.record(patient, house.patients[1])


def test_a_use_names_study_engine_institution_and_answer(house, patient, used):
    (use,) = uses_of(house.context, patient.subject)
    assert use.record.id == used.id
    assert (use.study.id, use.engine.id) == (house.scene.study, house.scene.engine)
    assert use.institution.id == house.scene.institution
    assert use.request == house.scene.request()
    assert use.member.reason == Reason.PERMITTED
    (refused,) = uses_of(house.context, house.patients[1].subject)
    assert refused.member.reason == Reason.NO_CONSENT
    assert uses_of(house.context, house.patients[2].subject) == []


def test_what_followed_is_listed_and_what_is_anchored_is_said(house, patient, used):
    started = NewEntry(Kind.STARTED, "engine", decision=used.id)
    unrelated = NewEntry(Kind.STARTED, "engine")
    house.ledger.appender.append(used.log, "key", [unrelated, started])
    (use,) = uses_of(house.context, patient.subject)
    assert [entry.index for entry in use.entries] == [0, 2]
    assert use.anchored == 0
    anchor(house.context, used.log)
    house.seal()
    (use,) = uses_of(house.context, patient.subject)
    assert use.anchored == 3


def test_the_newest_comes_first_and_the_list_is_bounded(house, patient, used):
    ids = [used.id] + [house.record(patient).id for _ in range(3)]
    assert [use.record.id for use in uses_of(house.context, patient.subject)] == ids[::-1]
    assert [use.record.id for use in uses_of(house.context, patient.subject, limit=2)] == ids[:1:-1]
    assert [use.record.id for use in uses_of(house.context, patient.subject, before=ids[2])] == ids[1::-1]


@pytest.mark.parametrize("at_once", [1, 2, 3, 5])
def test_every_decision_is_looked_through_however_many_are_read_at_a_time(house, patient, used, at_once):
    ids = [used.id] + [house.record(patient).id for _ in range(3)]
    found = [record.id for record, _ in all_decisions_on(house.context.audit, patient.subject, at_once=at_once)]
    assert found == ids[::-1]
