"""From events to facts: each event makes its facts, the last of a key holds, and a gap is never bridged."""

from dataclasses import replace
from typing import get_args

import pytest

from ledger.domain import events as ev
from ledger.domain.accesses import pack_entries
from ledger.domain.consent import Consent, ConsentState
from ledger.domain.directory import (
    Dataset,
    DatasetState,
    Engine,
    EngineState,
    Institution,
    InstitutionState,
    Study,
    StudyState,
    Terms,
)
from ledger.domain.events import Event
from ledger.domain.policy import Request
from ledger.domain.projection import (
    Access,
    Approval,
    Authority,
    Head,
    Pause,
    Recovery,
    RecoveryState,
    Refusal,
    SpentId,
    Subject,
    World,
    key_of,
    project,
)
from ledger.errors import MirrorDiverged
from tests.fakes.histories import History
from tests.unit.domain.cases import INSTITUTION, OTHER, SCOPE, STUDY, SUBJECT, TERMS

KEY, ADDRESS, DIGEST, FORM = (bytes([n]) * 32 for n in (10, 11, 12, 13))
ENROLLED = ev.SubjectEnrolled(SUBJECT, INSTITUTION, DIGEST, ADDRESS, 2, 0, 100, FORM)
PUBLISHED = ev.TermsPublished(TERMS, 4, "de", "uri")
RECORDED = ev.ConsentRecorded(SUBJECT, KEY, DIGEST, 1, SCOPE, 77, 2, FORM, ADDRESS)
PROPOSED = ev.StudyProposed(STUDY, INSTITUTION, DIGEST, 1, "title", 4, 1, 2, OTHER, 9, ((5, 6),))


@pytest.fixture
def world():
    world = World()
    for event in (
        ev.InstitutionAdmitted(INSTITUTION, 1, "hospital", ADDRESS),
        PUBLISHED,
        PROPOSED,
        ev.EngineRegistered(OTHER, INSTITUTION, DIGEST, "engine", ADDRESS, 3),
        ENROLLED,
        RECORDED,
    ):
        world.apply(event)
    return world


def test_an_enrolment_makes_subject_and_signer(world):
    assert world.subject(SUBJECT) == Subject(SUBJECT, INSTITUTION)
    assert world.authority(SUBJECT, ADDRESS) == Authority(SUBJECT, ADDRESS, 2, 0, 100, FORM)
    assert world.consents(OTHER) is None


def test_a_consent_carries_its_texts_version_and_its_effective_end(world):
    assert world.consent(SUBJECT, KEY) == Consent(SUBJECT, KEY, 1, SCOPE, 4, 77, 2, ConsentState.ACTIVE)
    amended = replace(RECORDED, version=2, valid_until=50)
    world.apply(amended)
    (held,) = world.consents(SUBJECT)
    assert (held.version, held.valid_until) == (2, 50)


def test_a_withdrawal_ends_a_consent_and_an_unknown_id_is_spent(world):
    assert world.apply(ev.ConsentWithdrawn(SUBJECT, KEY, DIGEST, 1, 2, ADDRESS)) == (
        replace(world.consent(SUBJECT, KEY), state=ConsentState.WITHDRAWN),
    )
    assert world.apply(ev.ConsentWithdrawn(SUBJECT, OTHER, DIGEST, 0, 2, ADDRESS)) == (SpentId(SUBJECT, OTHER),)
    assert world.apply(ev.AllWithdrawn(SUBJECT, FORM, DIGEST, 2, ADDRESS)) == (SpentId(SUBJECT, FORM),)
    assert [held.state for held in world.consents(SUBJECT)] == [ConsentState.WITHDRAWN]


def test_a_withdrawal_of_all_ends_every_live_consent_of_the_subject_and_no_other(world):
    keys = [bytes([number]) * 32 for number in (9, 8, 7)]
    for key in keys:
        world.apply(replace(RECORDED, id=key))
    world.apply(ev.ConsentWithdrawn(SUBJECT, keys[1], DIGEST, 1, 2, ADDRESS))
    world.apply(ev.SubjectEnrolled(OTHER, KEY, DIGEST, ADDRESS, 1, 0, 100, FORM))
    world.apply(replace(RECORDED, subject=OTHER))
    live = [world.consent(SUBJECT, key) for key in sorted((KEY, keys[0], keys[2]))]
    assert world.apply(ev.AllWithdrawn(SUBJECT, FORM, DIGEST, 2, ADDRESS)) == (
        SpentId(SUBJECT, FORM),
        *(replace(consent, state=ConsentState.WITHDRAWN) for consent in live),
    )
    assert {held.state for held in world.consents(SUBJECT)} == {ConsentState.WITHDRAWN}
    assert world.consent(OTHER, KEY).state is ConsentState.ACTIVE


def test_signers_come_and_go(world):
    world.apply(ev.SignerAdded(SUBJECT, DIGEST, KEY, 3, 1, 2, FORM, ADDRESS))
    assert world.authority(SUBJECT, KEY) == Authority(SUBJECT, KEY, 3, 1, 2, FORM)
    world.apply(ev.SignerRemoved(SUBJECT, DIGEST, KEY, ADDRESS))
    assert not world.authority(SUBJECT, KEY).active
    assert world.authority(SUBJECT, ADDRESS).active


def test_a_recovery_is_pending_until_it_is_objected_to_or_completed(world):
    proposed = ev.RecoveryProposed(SUBJECT, KEY, INSTITUTION, DIGEST, b"\x07" * 20, 1, 0, 99, FORM, 50)
    spent, held = world.apply(proposed)
    assert spent == SpentId(SUBJECT, KEY)
    assert held == Recovery(SUBJECT, KEY, INSTITUTION, b"\x07" * 20, 1, 0, 99, FORM, 50, RecoveryState.PENDING)
    assert world.authority(SUBJECT, b"\x07" * 20) is None
    world.apply(ev.RecoveryObjected(SUBJECT, KEY, DIGEST, ADDRESS))
    assert world.recovery(SUBJECT).state is RecoveryState.OBJECTED
    world.apply(replace(proposed, id=OTHER))
    world.apply(ev.SignerAdded(SUBJECT, DIGEST, b"\x07" * 20, 1, 0, 99, FORM, b""))
    world.apply(ev.RecoveryCompleted(SUBJECT, OTHER, DIGEST))
    assert (world.recovery(SUBJECT).id, world.recovery(SUBJECT).state) == (OTHER, RecoveryState.COMPLETED)
    assert world.authority(SUBJECT, b"\x07" * 20).active
    assert world.authority(SUBJECT, ADDRESS).active


def test_a_datasets_terms_change_by_version_and_end_with_it(world):
    world.apply(ev.DatasetRegistered(KEY, INSTITUTION, DIGEST, b"one"))
    assert world.dataset(KEY) == Dataset(KEY, INSTITUTION, b"one", 1, DatasetState.ACTIVE)
    world.apply(ev.DatasetAmended(KEY, DIGEST, 2, b"two"))
    world.apply(ev.DatasetClosed(KEY, DIGEST))
    assert world.datasets() == (Dataset(KEY, INSTITUTION, b"two", 2, DatasetState.CLOSED),)


def test_the_directory_changes(world):
    assert world.study(STUDY) == Study(STUDY, INSTITUTION, 1, "title", 4, 1, 2, OTHER, 9, ((5, 6),))
    world.apply(ev.StudyStateChanged(STUDY, DIGEST, 3))
    world.apply(ev.EngineRevoked(OTHER, DIGEST))
    world.apply(ev.InstitutionStateChanged(INSTITUTION, 2))
    assert world.study(STUDY).state is StudyState.ACTIVE
    assert world.engine(OTHER) == Engine(OTHER, INSTITUTION, "engine", ADDRESS, 3, EngineState.REVOKED)
    assert world.institution(INSTITUTION) == Institution(
        INSTITUTION, 1, "hospital", ADDRESS, InstitutionState.SUSPENDED
    )
    assert world.terms(TERMS) == Terms(TERMS, 4, "de", "uri")
    setting = world.setting(Request(STUDY, OTHER, 1, 1))
    assert (setting.study.id, setting.institution.id, setting.engine.id) == (STUDY, INSTITUTION, OTHER)
    nothing = world.setting(Request(KEY, KEY, 1, 1))
    assert (nothing.study, nothing.institution, nothing.engine) == (None, None, None)


@pytest.mark.parametrize(
    ("event", "facts"),
    [
        (ev.StudyApproved(STUDY, KEY, DIGEST, 1), (Approval(STUDY, KEY),)),
        (ev.HeadAnchored(KEY, 9, DIGEST, 3, FORM), (Head(KEY, 9, DIGEST),)),
        (
            ev.AccessesRecorded(STUDY, OTHER, KEY, pack_entries([(8, DIGEST), (9, FORM)])),
            (Access(KEY, 8, DIGEST, STUDY, OTHER), Access(KEY, 9, FORM, STUDY, OTHER)),
        ),
        (ev.ActRefused(DIGEST, 3, "X__Y"), (Refusal(DIGEST, "X__Y"),)),
        (ev.GrantsPaused(paused=True), (Pause(paused=True),)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_events(world, event, facts):
    assert project(event, world) == facts


@pytest.mark.parametrize(
    "event",
    [
        ev.InstitutionStateChanged(KEY, 2),
        ev.StudyStateChanged(KEY, DIGEST, 3),
        ev.EngineRevoked(KEY, DIGEST),
        ev.SignerRemoved(SUBJECT, DIGEST, KEY, ADDRESS),
        ev.ConsentWithdrawn(SUBJECT, OTHER, DIGEST, 1, 2, ADDRESS),
        ev.DatasetAmended(KEY, DIGEST, 2, b"{}"),
        ev.DatasetClosed(KEY, DIGEST),
        ev.RecoveryObjected(SUBJECT, KEY, DIGEST, ADDRESS),
        ev.RecoveryCompleted(SUBJECT, KEY, DIGEST),
        replace(RECORDED, scope=replace(SCOPE, terms=KEY)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_about_something_that_no_event_made_is_a_gap(world, event):
    before = dict(world.facts)
    with pytest.raises(MirrorDiverged, match="no earlier event made"):
        world.apply(event)
    assert world.facts == before


def test_every_kind_of_event_makes_facts(world):
    history = History(3)
    history.opening()
    made = {type(event) for event in history.opening()}
    made |= {type(history.event()) for _ in range(600)}
    assert made == set(get_args(Event)), "the history does not play every kind"


def test_facts_with_one_key_replace_each_other_and_others_do_not():
    history = History(4)
    history.opening()
    for _ in range(300):
        history.event()
    world = history.world
    assert all(key_of(fact) == key for key, fact in world.facts.items())
    kinds = {key[0] for key in world.facts}
    assert kinds == {
        "Institution", "Reviewer", "Terms", "Study", "Approval", "Engine", "Dataset", "Subject", "Authority",
        "Recovery", "SpentId", "Consent", "Head", "Access", "Refusal", "Pause",
    }  # fmt: skip
    for subject, held in world.by_subject.items():
        for name, consent in held.items():
            assert world.facts["Consent", subject, name] is consent
