"""What waits in the outbox counts against a request at once, and never for one."""

from dataclasses import replace

import msgspec
import pytest

from ledger.domain.acts import SignerAddition, SignerRemoval
from ledger.domain.consent import ConsentState
from ledger.domain.decision import Outcome, Reason
from ledger.domain.outbox import ItemState
from ledger.domain.vocabulary import ANY16, Effect, Operation, Purpose
from ledger.services import pending as module
from ledger.services.pending import Pending, stages
from tests.support.mutants import mutant
from tests.support.scene import any_scope, fresh
from tests.support.stores import open_store


@pytest.fixture
def granted(house, patient):
    """A permit of everything, on the chain."""
    grant = house.scene.consent(patient)
    house.on_chain(grant)
    assert house.look(patient)[0].permitted
    return grant


def amended(house, patient, grant, version=2, **changes):
    scope = any_scope(house.scene.terms, **changes)
    return house.scene.consent(patient, id=grant.id, version=version, scope=scope)


def bites(house, patient, grant):
    """Whether the patient is refused, for the act that waits and for no other reason."""
    decision = house.look(patient)[0]
    if decision.permitted:
        return False
    assert decision.reason is Reason.PENDING_WITHDRAWAL
    assert (decision.consent, decision.version) == (grant.id, 1)
    return True


def test_a_withdrawal_bites_at_once(house, patient, granted):
    house.submit(house.scene.withdrawal(patient, granted.id))
    assert bites(house, patient, granted)


def test_a_withdrawal_of_all_bites_at_once(house, patient, granted):
    house.submit(house.scene.withdrawal_of_all(patient))
    assert bites(house, patient, granted)


def test_a_new_deny_bites_at_once(house, patient, granted):
    house.submit(house.scene.consent(patient, scope=any_scope(house.scene.terms, effect=Effect.DENY)))
    assert bites(house, patient, granted)


@pytest.mark.parametrize(
    "narrower",
    [
        {"operations": Operation.SYNTHETIC_DATA},
        {"categories": 1 << 5},
        {"purposes": Purpose.POA},
        {"data_until": 100},
        {"valid_from": 5, "valid_until": 6},
        {"effect": Effect.DENY},
    ],
    ids="+".join,
)
def test_a_narrowing_bites_at_once(house, patient, granted, narrower):
    house.submit(amended(house, patient, granted, **narrower))
    assert bites(house, patient, granted)


def test_it_bites_one_subject_alone(house, patient, granted):
    other = house.patients[1]
    house.on_chain(house.scene.consent(other))
    house.submit(house.scene.withdrawal(patient, granted.id))
    outcomes = [decision.outcome for decision in house.look(patient, other)]
    assert outcomes == [Outcome.DENY, Outcome.PERMIT]


def test_a_waiting_grant_never_permits(house, patient):
    house.submit(house.scene.consent(patient))
    decision = house.look(patient)[0]
    assert (decision.outcome, decision.reason) == (Outcome.DENY, Reason.NO_CONSENT)
    house.seal()
    assert house.look(patient)[0].permitted


def test_a_waiting_widening_does_not_permit(house, patient):
    narrow = house.scene.consent(patient, scope=any_scope(house.scene.terms, operations=Operation.SYNTHETIC_DATA))
    house.on_chain(narrow)
    house.submit(amended(house, patient, narrow))
    assert house.look(patient)[0].reason is Reason.NOT_COVERED


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_a_waiting_grant_does_not_outweigh_a_waiting_withdrawal(house, patient, granted, withdrawn_first):
    """Withdrawn, and granted anew under another id: the new one counts once the chain has it."""
    acts = [house.scene.withdrawal(patient, granted.id), house.scene.consent(patient)]
    house.submit(*(acts if withdrawn_first else reversed(acts)))
    assert bites(house, patient, granted)
    house.seal()
    assert house.look(patient)[0].permitted


def test_a_waiting_widening_does_not_outweigh_a_waiting_withdrawal(house, patient, granted):
    """The same with another consent, which so far allows something else."""
    narrow = house.scene.consent(patient, scope=any_scope(house.scene.terms, operations=Operation.SYNTHETIC_DATA))
    house.on_chain(narrow)
    house.submit(amended(house, patient, narrow), house.scene.withdrawal(patient, granted.id))
    assert not house.look(patient)[0].permitted
    house.seal()
    assert house.look(patient)[0].permitted


def test_a_second_consent_carries_on_after_a_withdrawal(house, patient, granted):
    """Both allow it on the chain; the end of one leaves the other."""
    house.on_chain(house.scene.consent(patient))
    house.submit(house.scene.withdrawal(patient, granted.id))
    assert house.look(patient)[0].permitted


def test_a_withdrawal_stays_in_force_from_outbox_to_mirror(house, patient, granted):
    """Accepted, then sealed in a block that the mirror has not seen, then mirrored: never a permit in between."""
    (item,) = house.submit(house.scene.withdrawal(patient, granted.id))
    assert bites(house, patient, granted)
    house.carry()
    assert house.context.outbox.item(item.digest).state is ItemState.SEALED
    assert bites(house, patient, granted), "sealed above the view's block"
    house.ledger.catch_up()
    assert house.look(patient)[0].reason is Reason.NO_CONSENT


def test_what_is_sealed_above_the_view_is_seen_by_a_process_that_has_just_started(house, patient, granted):
    """It never saw the act wait: the chain has it, the copy that it answers from not yet."""
    house.submit(house.scene.withdrawal(patient, granted.id))
    house.carry()
    house.ledger.context = replace(house.context, pending=Pending(house.context.outbox))
    assert bites(house, patient, granted)


def test_blocks_of_others_do_not_make_it_forgotten(house, patient, granted):
    """The view moves on while the withdrawal still waits: the set is read anew, whole."""
    house.submit(house.scene.withdrawal(patient, granted.id))
    assert bites(house, patient, granted)
    for other in house.patients[1:4]:
        house.scene.must(house.scene.consent(other))
        house.ledger.catch_up()
        assert bites(house, patient, granted)


def test_what_a_refused_act_held_back_is_given_again(house, patient, granted):
    """A withdrawal that the chain refuses (a block before it ended the signer's authority) no longer counts."""
    key = house.patients[5]
    addition = house.scene.signed(_addition(house, patient, key.signer), patient)
    house.on_chain(addition)
    waiting = house.scene.signed(replace_signer(house.scene.withdrawal(patient, granted.id), key.signer), key)
    house.submit(waiting)
    assert bites(house, patient, granted)
    house.scene.must(house.scene.signed(_removal(house, patient, key.signer), patient))
    house.seal()
    assert house.context.outbox.item(house.context.writer.digest(waiting)).state is ItemState.REFUSED
    assert house.look(patient)[0].permitted


def _addition(house, patient, new_signer):
    return SignerAddition(
        subject=patient.subject,
        id=fresh(),
        new_signer=new_signer,
        capacity=3,
        since=0,
        until=2**40 - 1,
        form=bytes(32),
        deadline=house.scene.deadline,
        signer=patient.signer,
    )


def _removal(house, patient, old_signer):
    return SignerRemoval(
        subject=patient.subject,
        id=fresh(),
        old_signer=old_signer,
        deadline=house.scene.deadline,
        signer=patient.signer,
    )


def replace_signer(act, signer):
    return msgspec.structs.replace(act, signer=signer)


def test_acts_that_another_process_accepted_are_seen(house, patient, granted):
    """The API runs as several processes on one store; each has its own memory of what waits."""
    assert house.look(patient)[0].permitted, "this process has looked, and remembers an empty set"
    other = open_store(f"sqlite:///{house.home / 'ledger.sqlite'}")
    withdrawal = house.scene.withdrawal(patient, granted.id)
    other.outbox.accept([(house.context.writer.digest(withdrawal), withdrawal)], at=house.clock.now())
    other.close()
    assert bites(house, patient, granted)


def test_a_memory_that_forgot_to_look_again_would_permit(house, patient, granted, monkeypatch):
    """The fault that the test above is for."""
    faulty = mutant(module, ("self._take(self._outbox.unsealed(above=block.number, after=self._last))", "pass"))
    forgetful = faulty.Pending(house.context.outbox)
    monkeypatch.setattr(house.ledger, "context", replace(house.context, pending=forgetful))
    assert house.look(patient)[0].permitted
    house.submit(house.scene.withdrawal(patient, granted.id))
    assert not bites(house, patient, granted)


@pytest.mark.parametrize("narrow_first", [True, False])
def test_of_two_waiting_acts_of_one_version_the_stricter_counts(house, patient, granted, narrow_first):
    """Two writers raced past each other's checks. The chain takes the first, unless it has a reason to refuse it."""
    acts = [amended(house, patient, granted, operations=Operation.SYNTHETIC_DATA), amended(house, patient, granted)]
    for act in acts if narrow_first else reversed(acts):
        house.context.outbox.accept([(house.context.writer.digest(act), act)], at=house.clock.now())
    assert bites(house, patient, granted)
    house.seal()
    assert house.look(patient)[0].permitted is not narrow_first


def test_stages_in_order(house, patient, granted):
    store = house.context.mirror
    held = store.consents_at(patient.subject, store.cursor().block.number)
    second = amended(house, patient, granted)
    third = amended(house, patient, granted, version=3, operations=1)
    withdrawal = house.scene.withdrawal(patient, granted.id)
    versions = [(only.version, only.scope.operations) for (only,) in stages([second, third], held, store)]
    assert versions == [(2, ANY16), (3, 1)]
    states = [only.state for (only,) in stages([withdrawal, second], held, store)]
    assert states == [ConsentState.WITHDRAWN] * 2, "nothing comes after a withdrawal"
    assert list(stages([house.scene.withdrawal(patient, fresh())], held, store)) == [held]


def test_readers_keep_the_mapping_that_they_were_given(house, patient, granted):
    pending = Pending(house.context.outbox)
    block = house.ledger.keeper.view().block
    before = pending.at(block)
    house.submit(house.scene.withdrawal(patient, granted.id))
    assert not before
    assert patient.subject in pending.at(block)
    assert not before
