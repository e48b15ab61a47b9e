"""Institutions, reviewers, texts, studies and engines, with keys that the service keeps."""

from dataclasses import replace

import pytest

from ledger.domain.directory import EngineState, InstitutionState, Study, StudyState
from ledger.domain.outbox import ItemState
from ledger.domain.vocabulary import ANY16, Condition, Operation, Use
from ledger.errors import InvalidInput, NotFound, UnknownCode, WrongState
from ledger.services import directory
from ledger.services.directory import LONGEST_NAME, NewSubject
from tests.support.scene import Patient, fresh


def study_of(house, institution, **changes):
    study = Study(
        id=fresh(),
        institution=institution,
        number=0,
        title="Lungs",
        uses=int(Use.DISEASE),
        conditions=int(Condition.LINKAGE),
        required_terms=1,
        ethics=fresh(),
        ethics_until=house.clock.now() + 1000,
        diseases=((8903, 5070),),
    )
    return replace(study, **changes)


def test_a_consortium_from_nothing_to_an_active_study(house):
    context = house.context
    _, institution, signer = directory.admit_institution(context, "St  Elsewhere ")
    _, reviewer, _ = directory.name_reviewer(context, "Board")
    directory.publish_terms(context, fresh(), 2, "de", "terms/2")
    house.seal()
    assert context.mirror.institution(institution).name == "St Elsewhere"
    assert context.mirror.institution(institution).signer == signer
    study = study_of(house, institution)
    directory.propose_study(context, study)
    _, engine, key = directory.register_engine(context, institution, "OpenDP", int(Operation.DIFFERENTIAL_PRIVACY))
    house.seal()
    directory.approve_study(context, study.id, reviewer)
    house.seal()
    assert context.mirror.study(study.id).state is StudyState.APPROVED
    directory.set_study_state(context, study.id, StudyState.ACTIVE)
    house.seal()
    held = context.mirror.study(study.id)
    assert replace(held, number=0, state=StudyState.PROPOSED) == study
    assert held.state is StudyState.ACTIVE
    assert (context.mirror.engine(engine).signer, context.mirror.engine(engine).state) == (key, EngineState.ACTIVE)
    assert context.outbox.items(state=ItemState.REFUSED) == []


def test_enrolled_subjects_get_fresh_ids_and_their_own_signers(house):
    first, second = Patient(), Patient()
    given = [NewSubject(first.signer), NewSubject(second.signer, subject=second.subject)]
    made = directory.enrol(house.context, house.scene.institution, given)
    house.seal()
    subjects = [subject for _, subject in made]
    assert subjects[1] == second.subject
    for subject, patient in zip(subjects, (first, second), strict=True):
        assert house.context.mirror.authority(subject, patient.signer).active
        assert len(subject) == 32


def test_a_suspended_institution_stops_answers_and_can_come_back(house, patient):
    house.on_chain(house.scene.consent(patient))
    directory.set_institution_state(house.context, house.scene.institution, InstitutionState.SUSPENDED)
    house.seal()
    assert house.look(patient)[0].reason.code == "institution_not_active"
    directory.set_institution_state(house.context, house.scene.institution, InstitutionState.ACTIVE)
    house.seal()
    assert house.look(patient)[0].permitted


def test_a_study_moves_only_along_its_life(house, patient):
    study = house.scene.study
    house.on_chain(house.scene.consent(patient))
    with pytest.raises(WrongState, match="active and cannot become active"):
        directory.set_study_state(house.context, study, StudyState.ACTIVE)
    directory.set_study_state(house.context, study, StudyState.SUSPENDED)
    house.seal()
    assert house.look(patient)[0].reason.code == "study_not_active"
    directory.set_study_state(house.context, study, StudyState.CLOSED)
    house.seal()
    for state in StudyState:
        with pytest.raises(WrongState):
            directory.set_study_state(house.context, study, state)


def test_names_of_nobody(house):
    context, nobody = house.context, fresh()
    for attempt in (
        lambda: directory.set_institution_state(context, nobody, InstitutionState.SUSPENDED),
        lambda: directory.set_study_state(context, nobody, StudyState.CLOSED),
        lambda: directory.approve_study(context, house.scene.study, nobody),
        lambda: directory.register_engine(context, nobody, "engine", 1),
        lambda: directory.propose_study(context, study_of(house, nobody)),
        lambda: directory.enrol(context, nobody, [NewSubject(Patient().signer)]),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert context.outbox.items() == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"uses": 0}, UnknownCode),
        ({"uses": 1 << 6}, UnknownCode),
        ({"conditions": 1 << 8}, UnknownCode),
        ({"diseases": ()}, InvalidInput),
        ({"diseases": ((),)}, InvalidInput),
        ({"uses": 1}, InvalidInput),
        ({"title": ""}, InvalidInput),
        ({"title": "x" * (LONGEST_NAME + 1)}, InvalidInput),
        ({"title": "bell \x07"}, InvalidInput),
        ({"ethics_until": 5}, InvalidInput),
    ],
    ids=lambda value: str(value)[:40],
)
def test_studies_that_make_no_sense(house, changes, error):
    with pytest.raises(error):
        directory.propose_study(house.context, study_of(house, house.scene.institution, **changes))
    assert house.context.outbox.items() == []


@pytest.mark.parametrize("operations", [0, ANY16, 1 << 9])
def test_an_engine_names_its_operations(house, operations):
    with pytest.raises(UnknownCode):
        directory.register_engine(house.context, house.scene.institution, "engine", operations)


@pytest.mark.parametrize("version", [0, -1, 1 << 32])
def test_versions_of_texts_start_at_one(house, version):
    with pytest.raises(InvalidInput):
        directory.publish_terms(house.context, fresh(), version, "en", "")
