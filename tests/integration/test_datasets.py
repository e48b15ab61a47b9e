"""Datasets' terms and studies' purposes, from a signed act to decisions, replays and offline proofs."""

import io

import msgspec
import pytest

from ledger.domain.acts import (
    DatasetClosure,
    DatasetRegistration,
    InstitutionAdmission,
)
from ledger.domain.decision import Outcome, Reason
from ledger.domain.ontology import Ancestry
from ledger.domain.release import write_document
from ledger.errors import BadSignature, InvalidInput, MirrorLagging, NotFound, Replayed, WrongState
from ledger.services import custody, decide
from ledger.services.as_of import look_back, moment_of
from ledger.services.replay import replay
from ledger.snapshot import snapshot
from ledger.transparency.receipt import open_decision
from ledger.verify.checks import verify_bundle
from ledger.verify.report import Status
from tests.support.datasets import built, exported, house, register, start_study
from tests.support.scene import fresh

__all__ = ["built", "house"]

LUNG, CANCER = 8903, 5070


def answer(house, **changes):
    return house.look(house.patients[0], **changes)[0]


# --- decisions --------------------------------------------------------------------------------------------------------


def test_terms_bite_when_they_are_on_the_chain_and_say_which_term_refused(house):
    assert answer(house).permitted
    dataset = register(house, permission="GRU", modifiers={"NPU": True, "PUB": True})
    refused = answer(house)
    assert (refused.outcome, refused.reason) == (Outcome.ABSTAIN, Reason.DATA_USE_UNKNOWN)
    assert (refused.codes, refused.consent) == (("NPU", "PUB"), None)
    assert house.look(house.patients[2])[0].reason is Reason.NO_CONSENT, "the patient's no comes first"
    assert answer(house, dataset=dataset) == refused
    assert answer(house, dataset=fresh()).reason is Reason.DATASET_UNKNOWN


def test_a_study_that_says_enough_is_permitted_with_obligations(house):
    register(house, permission="GRU", modifiers={"NPU": True, "PUB": True})
    start_study(house, nonprofit=True, undertakings=["PUB"])
    permitted = answer(house)
    assert permitted.permitted
    assert [duty.id for duty in permitted.obligations] == ["PUB"]
    recorded = house.record(*house.patients)
    receipt = open_decision(recorded.receipt, house.context.log_keys.published)
    assert (receipt.outcome, [duty.id for duty in receipt.obligations], receipt.codes) == ("permit", ["PUB"], ())
    found = replay(house.context, recorded.id)
    assert (found.same, found.asked_of_chain) == (True, 3)


def test_a_dataset_of_another_custodian_is_no_way_in(house):
    key = house.context.keys.create()
    clinic = fresh()
    house.on_chain(InstitutionAdmission(id=clinic, name="clinic", signer=key))
    foreign = register(house, clinic, permission="NRES")
    assert answer(house).permitted, "it limits its own patients alone"
    assert answer(house, dataset=foreign).reason is Reason.DATASET_OF_ANOTHER_CUSTODIAN


def test_amending_and_closing_count_at_once(house):
    dataset = register(house, permission="POA")
    assert answer(house).reason is Reason.DATA_USE_DENIED
    house.on_chain(
        custody.amendment(house.context, dataset, write_document({"permission": "NRES"}), house.scene.deadline)
    )
    assert house.context.mirror.dataset(dataset).version == 2
    assert answer(house).permitted
    house.on_chain(custody.closure(house.context, dataset))
    assert answer(house).reason is Reason.DATASET_NOT_ACTIVE
    assert answer(house, dataset=dataset).reason is Reason.DATASET_NOT_ACTIVE
    other = register(house, permission="NRES")
    assert answer(house).reason is Reason.DATASET_NOT_ACTIVE
    assert answer(house, dataset=other).permitted
    with pytest.raises(WrongState, match="closed"):
        custody.closure(house.context, dataset)
    house.restart()
    assert answer(house, dataset=other).permitted


def test_the_past_is_decided_by_the_terms_of_then(house):
    def past(block):
        request, subjects = house.scene.request(), [house.patients[0].subject]
        return look_back(house.context, request, subjects, moment_of(house.context, block=block)).decisions[0].reason

    before = house.context.mirror.cursor().block.number
    dataset = register(house, permission="POA")
    between = house.context.mirror.cursor().block.number
    terms = write_document({"permission": "NRES"})
    house.on_chain(custody.amendment(house.context, dataset, terms, house.scene.deadline))
    after = house.context.mirror.cursor().block.number
    assert [past(block) for block in (before, between, after)] == [
        Reason.PERMITTED,
        Reason.DATA_USE_DENIED,
        Reason.PERMITTED,
    ]


# --- what is refused on writing, and what denies all the same ---------------------------------------------------------


def test_what_the_chain_would_take_but_nobody_could_read_is_refused(house):
    scene, sign = house.scene, house.context.keys.sign

    def registration(terms, **changes):
        act = DatasetRegistration(id=fresh(), custodian=scene.institution, terms=terms, deadline=scene.deadline)
        return sign(msgspec.structs.replace(act, **changes), scene.institution_key)

    for terms in (b"{}", b"not JSON", b'{"permission": "GRU"}', write_document({"permission": "GRU", "more": 1})):
        with pytest.raises(InvalidInput):
            house.submit(registration(terms))
    sound = write_document({"permission": "GRU"})
    with pytest.raises(NotFound, match="not admitted"):
        house.submit(registration(sound, custodian=fresh()))
    with pytest.raises(BadSignature):
        house.submit(msgspec.structs.replace(registration(sound), id=fresh()))
    with pytest.raises(NotFound, match="not registered"):
        house.submit(sign(DatasetClosure(id=fresh()), scene.institution_key))
    dataset = register(house, permission="GRU")
    with pytest.raises(Replayed):
        house.submit(registration(write_document({"permission": "NRES"}), id=dataset))
    amended = custody.amendment(house.context, dataset, sound, scene.deadline)
    with pytest.raises(WrongState, match="version 1"):
        house.submit(sign(msgspec.structs.replace(amended, version=3), scene.institution_key))


def test_terms_that_came_to_the_chain_past_us_and_make_no_sense_deny(house):
    act = DatasetRegistration(id=fresh(), custodian=house.scene.institution, terms=b"{", deadline=house.scene.deadline)
    house.scene.must(house.context.keys.sign(act, house.scene.institution_key))
    house.ledger.catch_up()
    assert (answer(house).reason, answer(house).codes) == (Reason.DATA_USE_DENIED, ("terms",))


def test_a_permit_about_the_past_is_not_given_without_the_custodian_whose_terms_count(house, monkeypatch):
    register(house, permission="POA")
    request, subjects = house.scene.request(), [house.patients[0].subject]
    moment = moment_of(house.context, block=house.context.mirror.cursor().block.number)
    monkeypatch.setattr(type(house.context.mirror), "custodian_of", lambda _mirror, _subject: None)
    with pytest.raises(MirrorLagging):
        look_back(house.context, request, subjects, moment)


# --- proofs -----------------------------------------------------------------------------------------------------------


def verified(house):
    """The report on a bundle of all decisions so far."""
    data, block = exported(house)
    return verify_bundle(io.BytesIO(data), block)


def test_a_bundle_proves_decisions_by_datasets(house):
    house.record(*house.patients)
    dataset = register(house, permission="GRU", modifiers={"NPU": True, "PUB": True})
    house.record(*house.patients)
    start_study(house, nonprofit=True, undertakings=["PUB"])
    house.record(*house.patients)
    house.on_chain(custody.closure(house.context, dataset))
    house.record(*house.patients)
    report = verified(house)
    assert report.exit_code == 0, report
    assert "12 decisions of 4 questions come out the same" in report.check("replay").detail


def test_an_abstention_by_a_loaded_ontology_is_said_to_be_unchecked(house):
    register(house, permission="DS", diseases=[f"MONDO:{CANCER:07d}"])
    start_study(house, uses=4, diseases=((LUNG, CANCER),))
    assert answer(house).permitted
    names = [f"MONDO:{number:07d}" for number in (LUNG, CANCER)]
    house.ledger.keeper._ontology = Ancestry({names[0]: (), names[1]: ()}, "sha")
    house.ledger.keeper._snapshot = None
    house.ledger.catch_up()
    assert (answer(house).outcome, answer(house).reason) == (Outcome.ABSTAIN, Reason.ONTOLOGY_DISAGREES)
    recorded = house.record(house.patients[0])
    assert recorded.answer.outcome is Outcome.ABSTAIN
    found = replay(house.context, recorded.id)
    assert (found.same, found.pending) == (True, 1)
    report = verified(house)
    assert report.check("replay").status is Status.UNCHECKED, report
    assert "1 abstained by an ontology" in report.check("replay").detail


def test_a_permit_that_the_terms_forbid_does_not_verify(house, monkeypatch):
    register(house, permission="POA")
    monkeypatch.setattr(snapshot, "restrict", lambda decision, _release: decision)
    forged = house.record(house.patients[0])
    assert forged.answer.permitted
    monkeypatch.undo()
    assert not replay(house.context, forged.id).same
    report = verified(house)
    assert report.check("replay").status is Status.FAIL
    assert "data_use_denied" in report.check("replay").detail


def test_a_decision_by_another_version_of_the_rules_never_verifies(house, monkeypatch):
    monkeypatch.setattr(decide, "POLICY_VERSION", "consentry.policy/2")
    house.record(*house.patients)
    monkeypatch.undo()
    report = verified(house)
    assert report.check("replay").status is Status.UNCHECKED, report
    assert "another version of the rules" in report.check("replay").detail
