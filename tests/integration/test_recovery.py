"""Lost keys and guardians, from a signed act to a decision, on a real ledger with a clock that a test moves."""

from copy import copy
from dataclasses import replace

import msgspec
import pytest

from ledger.chain.deployment import RECOVERY_DELAY
from ledger.domain.acts import InstitutionAdmission, RecoveryObjection, RecoveryProposal, SignerAddition, SignerRemoval
from ledger.domain.decision import Reason
from ledger.domain.outbox import ItemState
from ledger.domain.projection import RecoveryState
from ledger.domain.vocabulary import FOREVER, Capacity
from ledger.errors import BadSignature, Forbidden, InvalidInput, NotFound, Replayed, WrongState
from ledger.services import custody
from ledger.services.as_of import look_back, moment_of, subject_as_of
from tests.support.house import NOW, House, build, copied
from tests.support.scene import NOTHING, Patient, any_scope, fresh

MAJORITY = NOW + 1000
PERMITTED, NO_CONSENT = Reason.PERMITTED, Reason.NO_CONSENT


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    home, patients = tmp_path_factory.mktemp("built") / "home", [Patient()]
    return home, build(home, patients), patients


@pytest.fixture
def house(tmp_path, built):
    home, scene, patients = built
    opened = House(copied(home, tmp_path / "home"), copy(scene), list(patients))
    yield opened
    opened.close()


def proposal(house, **changes):
    act = RecoveryProposal(
        subject=house.patients[0].subject,
        id=fresh(),
        custodian=house.scene.institution,
        new_signer=Patient().signer,
        capacity=Capacity.SELF,
        since=0,
        until=FOREVER,
        form=fresh(),
        deadline=house.scene.deadline,
    )
    return custody.proposal(house.context, msgspec.structs.replace(act, **changes))


def objection(house, id, patient):
    act = RecoveryObjection(subject=house.patients[0].subject, id=id, signer=patient.signer)
    return house.scene.signed(act, patient)


def wait(house, seconds):
    """Let time pass, on the chain too."""
    house.clock.at += seconds
    house.scene.now += seconds
    house.scene.deadline += seconds
    house.ledger.catch_up()


def state(house):
    return house.context.mirror.recovery(house.patients[0].subject).state


# --- recovery ---------------------------------------------------------------------------------------------------------


def test_a_key_is_recovered_after_the_whole_delay(house):
    (patient,) = house.patients
    new = Patient(patient.subject)
    asked = proposal(house, new_signer=new.signer)
    house.on_chain(asked)
    held = house.context.mirror.recovery(patient.subject)
    assert (held.state, held.opens_at, held.form) == (RecoveryState.PENDING, NOW + RECOVERY_DELAY, asked.form)
    with pytest.raises(BadSignature, match="may not sign"):
        house.submit(house.scene.consent(new))
    wait(house, RECOVERY_DELAY - 1)
    with pytest.raises(WrongState, match="can object until"):
        house.submit(custody.completion(house.context, patient.subject))
    wait(house, 1)
    house.on_chain(custody.completion(house.context, patient.subject))
    assert state(house) is RecoveryState.COMPLETED
    house.on_chain(house.scene.consent(new))
    assert house.look(patient)[0].reason is PERMITTED
    # the lost key still signs until the new one removes it, by the ordinary act
    house.on_chain(house.scene.consent(patient))
    removal = SignerRemoval(
        subject=patient.subject,
        id=fresh(),
        old_signer=patient.signer,
        deadline=house.scene.deadline,
        signer=new.signer,
    )
    house.on_chain(house.scene.signed(removal, new))
    with pytest.raises(BadSignature):
        house.submit(house.scene.consent(patient))
    with pytest.raises(NotFound, match="no recovery"):
        custody.completion(house.context, patient.subject)


def test_an_objection_ends_a_recovery_and_is_refused_for_nothing_but_its_signature(house):
    (patient,) = house.patients
    stranger = Patient(patient.subject)
    asked = proposal(house)
    house.on_chain(asked)
    with pytest.raises(BadSignature):
        house.submit(objection(house, asked.id, stranger))
    wait(house, RECOVERY_DELAY)
    house.on_chain(objection(house, asked.id, patient))
    assert state(house) is RecoveryState.OBJECTED
    with pytest.raises(NotFound, match="no recovery"):
        custody.completion(house.context, patient.subject)
    # one for a recovery that the copy does not know is left to the chain to judge
    (item,) = house.submit(objection(house, fresh(), patient))
    house.seal()
    refused = house.context.outbox.item(item.digest)
    assert (refused.state, refused.reason) == (ItemState.REFUSED, "SignerRecovery__NothingPending")


def test_a_later_proposal_takes_the_place_of_the_pending_one(house):
    (patient,) = house.patients
    first = proposal(house)
    house.on_chain(first)
    early = custody.completion(house.context, patient.subject)
    wait(house, RECOVERY_DELAY - 10)
    house.on_chain(proposal(house))
    wait(house, 10)
    with pytest.raises(NotFound, match="another was proposed"):
        house.submit(early)
    with pytest.raises(WrongState, match="can object until"):
        house.submit(custody.completion(house.context, patient.subject))


def test_a_proposal_that_the_chain_would_refuse_is_refused_with_words(house):
    with pytest.raises(InvalidInput, match="identified"):
        house.submit(proposal(house, form=NOTHING))
    with pytest.raises(NotFound, match="not enrolled"):
        house.submit(proposal(house, subject=fresh()))
    with pytest.raises(Replayed, match="already"):
        house.submit(proposal(house, new_signer=house.patients[0].signer))
    with pytest.raises(InvalidInput, match="start before it ends"):
        house.submit(proposal(house, until=0))
    with pytest.raises(BadSignature):
        house.submit(msgspec.structs.replace(proposal(house), until=5))
    other, key = fresh(), house.context.keys.create()
    house.on_chain(InstitutionAdmission(id=other, name="clinic", signer=key))
    foreign = msgspec.structs.replace(proposal(house), custodian=other)
    with pytest.raises(Forbidden, match="own custodian"):
        house.submit(house.context.keys.sign(foreign, key))


# --- guardians --------------------------------------------------------------------------------------------------------


@pytest.fixture
def child(house):
    """A child with a guardian until majority: (the guardian's signer of the child, the child's own signer)."""
    guardian = Patient()
    enrolment = house.scene.enrolment(guardian, capacity=Capacity.GUARDIAN, until=MAJORITY)
    house.on_chain(enrolment)
    return guardian, Patient(guardian.subject)


def own_key(house, guardian, child):
    """The guardian would give the child its own key, for the day of majority: longer than the guardian's own time."""
    addition = SignerAddition(
        subject=child.subject,
        id=fresh(),
        new_signer=child.signer,
        capacity=Capacity.SELF,
        since=MAJORITY,
        until=FOREVER,
        form=NOTHING,
        deadline=house.scene.deadline,
        signer=guardian.signer,
    )
    return house.scene.signed(addition, guardian)


def test_a_guardians_consent_ends_at_majority_and_the_child_decides_anew(house, child):
    guardian, grown = child
    house.on_chain(house.scene.consent(guardian, scope=any_scope(house.scene.terms)))
    with pytest.raises(Forbidden, match="no more than the own time"):
        house.submit(own_key(house, guardian, grown))
    house.on_chain(proposal(house, subject=grown.subject, new_signer=grown.signer, since=MAJORITY))
    (held,) = house.context.mirror.consents_at(grown.subject, house.context.mirror.cursor().block.number)
    assert (held.scope.valid_until, held.valid_until) == (FOREVER, MAJORITY)
    (now,) = house.look(guardian)
    assert (now.reason, now.valid_until) == (PERMITTED, MAJORITY)
    with pytest.raises(BadSignature, match="may not sign"):
        house.submit(house.scene.consent(grown))

    wait(house, MAJORITY - NOW - 1)
    assert house.look(guardian)[0].permitted
    before = house.context.mirror.cursor().block.number
    wait(house, 1)
    assert house.look(guardian)[0].reason is NO_CONSENT
    for late in (house.scene.consent(guardian), house.scene.withdrawal(guardian, held.id)):
        with pytest.raises(BadSignature, match="does not hold at this time"):
            house.submit(late)

    wait(house, NOW + RECOVERY_DELAY - MAJORITY)
    house.on_chain(custody.completion(house.context, grown.subject))
    house.on_chain(house.scene.consent(grown))
    assert house.look(grown)[0].reason is PERMITTED
    # what held then still holds of then
    moment = moment_of(house.context, block=before)
    for instant, reason in ((NOW + 5, PERMITTED), (MAJORITY - 1, PERMITTED), (MAJORITY, NO_CONSENT)):
        then = replace(moment, at=instant)
        assert look_back(house.context, house.scene.request(), [grown.subject], then).decisions[0].reason is reason
    held = subject_as_of(house.context, grown.subject, moment.block)
    assert {one.signer: (one.since, one.until) for one in held.signers} == {guardian.signer: (0, MAJORITY)}
    now = subject_as_of(house.context, grown.subject, house.context.mirror.cursor().block)
    assert {one.signer: (one.since, one.until) for one in now.signers} == {
        guardian.signer: (0, MAJORITY),
        grown.signer: (MAJORITY, FOREVER),
    }


def test_a_guardian_can_object_to_a_recovery_until_majority(house, child):
    guardian, _ = child
    house.patients.insert(0, guardian)
    asked = proposal(house)
    house.on_chain(asked)
    house.on_chain(objection(house, asked.id, guardian))
    assert state(house) is RecoveryState.OBJECTED
    again = proposal(house)
    house.on_chain(again)
    wait(house, MAJORITY - NOW)
    with pytest.raises(BadSignature, match="does not hold at this time"):
        house.submit(objection(house, again.id, guardian))
