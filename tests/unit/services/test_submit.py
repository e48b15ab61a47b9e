"""What is taken in, what is refused before the chain would, and that a request is taken in whole or not at all."""

import msgspec
import pytest

from ledger.chain.eip712 import Domains
from ledger.chain.keys import sign_digest
from ledger.domain.acts import SignerAddition, SignerRemoval
from ledger.domain.outbox import ItemState, Outcome
from ledger.domain.vocabulary import FOREVER, Capacity
from ledger.errors import (
    BadSignature,
    DeadlinePassed,
    Forbidden,
    InvalidInput,
    NotFound,
    Replayed,
    TooLarge,
    UnknownCode,
    WrongState,
)
from ledger.services.submit import CLOCK_SKEW, LONGEST_SIGNATURE
from tests.support.scene import Patient, any_scope, fresh

ZERO = bytes(32)
YEAR = 365 * 86_400


def changed(house, patient, act, **changes):
    """The act with changes, signed again."""
    return house.scene.signed(msgspec.structs.replace(act, **changes), patient)


def addition(house, patient, new, **changes):
    act = SignerAddition(
        subject=patient.subject,
        id=fresh(),
        new_signer=new.signer,
        capacity=Capacity.PROXY,
        since=0,
        until=FOREVER,
        form=ZERO,
        deadline=house.scene.deadline,
        signer=patient.signer,
    )
    return changed(house, patient, act, **changes)


def removal(house, patient, old, **changes):
    act = SignerRemoval(
        subject=patient.subject,
        id=fresh(),
        old_signer=old.signer,
        deadline=house.scene.deadline,
        signer=patient.signer,
    )
    return changed(house, patient, act, **changes)


def refused(house, error, *acts, index=0, match=None):
    """The acts are refused for the act at ``index``, and nothing of them was written."""
    before = house.context.outbox.items()
    with pytest.raises(error, match=match) as caught:
        house.submit(*acts)
    assert type(caught.value) is error
    assert caught.value.index == index
    assert house.context.outbox.items() == before


# --- taken in ---------------------------------------------------------------------------------------------------------


def test_a_grant_is_accepted_and_reaches_the_chain(house, patient):
    (item,) = house.submit(house.scene.consent(patient))
    assert (item.state, item.accepted_at) == (ItemState.ACCEPTED, house.clock.now())
    house.seal()
    assert house.context.outbox.item(item.digest).state is ItemState.SEALED
    assert house.context.mirror.consent(patient.subject, item.act.id).version == 1


def test_the_same_act_again_is_the_same_item(house, patient):
    grant = house.scene.consent(patient)
    (first,) = house.submit(grant)
    assert house.submit(grant, grant) == [first, first]
    house.seal()
    (sealed,) = house.submit(grant)
    assert (sealed.sequence, sealed.state) == (first.sequence, ItemState.SEALED)
    assert len(house.context.outbox.items(subject=patient.subject)) == 1


def test_the_same_act_again_is_the_same_item_after_a_restart(house, patient):
    grant = house.scene.consent(patient)
    (first,) = house.submit(grant)
    house.restart()
    assert house.submit(grant) == [first]


def test_a_whole_life_in_one_request(house):
    """Enrolled, a signer added, granted, amended and withdrawn: each act sees the ones before it."""
    newcomer, proxy = Patient(), Patient()
    scene = house.scene
    grant = scene.consent(newcomer)
    by_proxy = changed(house, proxy, scene.consent(newcomer), signer=proxy.signer)
    items = house.submit(
        scene.enrolment(newcomer),
        addition(house, newcomer, proxy),
        grant,
        scene.consent(newcomer, id=grant.id, version=2),
        by_proxy,
        scene.withdrawal(newcomer, grant.id),
    )
    house.seal()
    states = [house.context.outbox.item(item.digest).state for item in items]
    assert states == [ItemState.SEALED] * 6


def test_a_withdrawal_of_an_id_that_was_never_granted_is_taken(house, patient):
    house.on_chain(house.scene.withdrawal(patient, fresh()))
    assert house.context.outbox.items(state=ItemState.REFUSED) == []


def test_an_act_that_the_chain_refused_can_be_handed_in_again(house, patient):
    """Paused grants are refused by the chain; the same signed act is good afterwards."""
    grant = house.scene.consent(patient)
    (first,) = house.submit(grant)
    outbox = house.context.outbox
    transmission = house.context.writer.prepare([first], 0)
    outbox.record_transmission(transmission, at=house.clock.now())
    outbox.settle(transmission, Outcome(1, ZERO, True, {first.digest: "ConsentRegistry__GrantsPaused"}))
    assert outbox.item(first.digest).state is ItemState.REFUSED
    (again,) = house.submit(grant)
    assert (again.sequence > first.sequence, again.state) == (True, ItemState.ACCEPTED)


# --- all or nothing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_act_refuses_the_whole_request_and_is_named(house, place):
    acts = [house.scene.consent(patient) for patient in house.patients[:3]]
    acts[place] = msgspec.structs.replace(acts[place], signature=bytes(65))
    refused(house, BadSignature, *acts, index=place)


def test_no_acts_and_too_many_are_refused(house, patient):
    with pytest.raises(InvalidInput, match="at least one"):
        house.submit()
    act = house.scene.consent(patient)
    with pytest.raises(TooLarge):
        house.submit(*[act] * (house.context.limits.most_batch + 1))


# --- signatures and authority -----------------------------------------------------------------------------------------


def test_another_key_is_refused(house, patient):
    stranger = Patient()
    grant = house.scene.consent(patient)
    refused(house, BadSignature, changed(house, stranger, grant, signer=stranger.signer), match="may not sign")
    refused(house, BadSignature, changed(house, stranger, grant))
    other = house.patients[1]
    refused(house, BadSignature, changed(house, other, grant, signer=other.signer), match="may not sign")


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"id": b"\x07" * 32},
        {"issued_at": 5},
        {"form": b"\x01" * 32},
        {"scope": any_scope(b"\x01" * 32)},
    ],
    ids="+".join,
)
def test_a_signature_covers_every_field(house, patient, change):
    act = msgspec.structs.replace(house.scene.consent(patient), **change)
    assert len(act.signature) == LONGEST_SIGNATURE
    with pytest.raises(BadSignature):
        house.context.checker.check(act, patient.signer)


def test_a_signature_for_another_chain_is_refused(house, patient):
    elsewhere = Domains(house.context.reader.chain_id + 1, house.context.reader.contracts)
    grant = house.scene.consent(patient)
    replayed = msgspec.structs.replace(grant, signature=sign_digest(patient.key, elsewhere.digest(grant)))
    refused(house, BadSignature, replayed)


def test_a_guardian_signs_until_the_authority_ends(house, patient):
    guardian = Patient()
    until = house.clock.now() + 100
    house.on_chain(addition(house, patient, guardian, capacity=Capacity.GUARDIAN, until=until))
    grant = house.scene.consent(patient)

    def by_guardian(act):
        return changed(house, guardian, act, signer=guardian.signer)

    house.clock.at = until - 1
    house.submit(by_guardian(grant))
    house.clock.at = until
    refused(house, BadSignature, by_guardian(house.scene.consent(patient)), match="does not hold")
    refused(house, BadSignature, by_guardian(house.scene.withdrawal(patient, grant.id)), match="does not hold")


def test_authority_that_begins_later_does_not_hold_yet(house, patient):
    proxy = Patient()
    house.on_chain(addition(house, patient, proxy, since=house.clock.now() + 1))
    grant = changed(house, proxy, house.scene.consent(patient), signer=proxy.signer)
    refused(house, BadSignature, grant, match="does not hold")
    house.clock.at += 1
    house.submit(grant)


def test_a_removed_signer_is_refused(house, patient):
    proxy = Patient()
    house.on_chain(addition(house, patient, proxy))
    house.on_chain(removal(house, patient, proxy))
    refused(house, BadSignature, changed(house, proxy, house.scene.consent(patient), signer=proxy.signer))


def test_staff_need_a_form_and_may_not_change_who_signs(house, patient):
    clerk = Patient()
    refused(house, InvalidInput, addition(house, patient, clerk, capacity=Capacity.STAFF), match="paper form")
    house.on_chain(addition(house, patient, clerk, capacity=Capacity.STAFF, form=fresh()))
    grant = changed(house, clerk, house.scene.consent(patient), signer=clerk.signer)
    refused(house, InvalidInput, grant, match="paper form")
    house.submit(changed(house, clerk, grant, form=fresh()))
    refused(house, Forbidden, addition(house, clerk, Patient(), subject=patient.subject))
    refused(house, Forbidden, removal(house, clerk, patient, subject=patient.subject))


def test_a_subject_that_nobody_enrolled(house):
    stranger = Patient()
    refused(house, NotFound, house.scene.consent(stranger), match="not enrolled")
    refused(house, NotFound, house.scene.withdrawal(stranger, fresh()), match="not enrolled")


# --- time -------------------------------------------------------------------------------------------------------------


def test_deadlines(house, patient):
    now = house.clock.now()
    grant = house.scene.consent(patient)
    refused(house, DeadlinePassed, changed(house, patient, grant, deadline=now))
    refused(house, InvalidInput, changed(house, patient, grant, deadline=now + YEAR), match="days ahead")
    house.submit(changed(house, patient, grant, deadline=now + 1))


def test_a_grant_from_the_future_is_refused(house, patient):
    now = house.context.clock.now()
    house.submit(changed(house, patient, house.scene.consent(patient), issued_at=now + CLOCK_SKEW))
    refused(
        house,
        InvalidInput,
        changed(house, patient, house.scene.consent(patient), issued_at=now + CLOCK_SKEW + 1),
        match="future",
    )


def test_a_withdrawal_has_no_deadline_but_that_of_all_has(house, patient):
    house.clock.at += YEAR
    house.submit(house.scene.withdrawal(patient, fresh()))
    refused(house, DeadlinePassed, house.scene.withdrawal_of_all(patient))


# --- versions and ids -------------------------------------------------------------------------------------------------


def test_versions_follow_each_other(house, patient):
    scene = house.scene
    first = scene.consent(patient)
    refused(house, WrongState, changed(house, patient, first, version=2))
    house.on_chain(first)
    refused(house, Replayed, scene.consent(patient, id=first.id, scope=any_scope(scene.terms, operations=1)))
    refused(house, WrongState, scene.consent(patient, id=first.id, version=3))
    house.submit(scene.consent(patient, id=first.id, version=2))
    again = scene.consent(patient, id=first.id, version=2, scope=any_scope(scene.terms, operations=1))
    refused(house, Replayed, again)
    house.submit(scene.consent(patient, id=first.id, version=3))


def test_nothing_comes_after_a_withdrawal(house, patient):
    scene = house.scene
    grant = scene.consent(patient)
    house.on_chain(grant)
    withdrawal = scene.withdrawal(patient, grant.id)
    (item,) = house.submit(withdrawal)
    second = scene.consent(patient, id=grant.id, version=2)
    refused(house, Replayed, second, match="final")
    house.seal()
    refused(house, Replayed, second, match="final")
    assert house.submit(withdrawal)[0].sequence == item.sequence


def test_a_spent_id_is_not_used_again(house, patient):
    scene = house.scene
    never = fresh()
    house.on_chain(scene.withdrawal(patient, never))
    refused(house, Replayed, scene.consent(patient, id=never), match="used before")


def test_an_id_belongs_to_its_subject_alone(house, patient):
    """Somebody else's use of the same id neither blocks nor touches it."""
    other = house.patients[1]
    grant = house.scene.consent(patient)
    house.on_chain(grant)
    house.on_chain(house.scene.withdrawal(other, grant.id))
    assert house.look(patient)[0].permitted
    house.submit(house.scene.consent(patient, id=grant.id, version=2))


# --- scope and directory ----------------------------------------------------------------------------------------------


def test_a_text_that_nobody_published(house, patient):
    refused(house, NotFound, house.scene.consent(patient, scope=any_scope(fresh())), match="not published")


@pytest.mark.parametrize("kind", [2, 3])
def test_a_recipient_that_nobody_knows(house, patient, kind):
    scope = any_scope(house.scene.terms, recipient_kind=kind, recipient=fresh())
    refused(house, NotFound, house.scene.consent(patient, scope=scope), match="recipient")
    known = house.scene.institution if kind == 2 else house.scene.study
    house.submit(house.scene.consent(patient, scope=any_scope(house.scene.terms, recipient_kind=kind, recipient=known)))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"purposes": 1 << 9}, UnknownCode),
        ({"effect": 3}, UnknownCode),
        ({"operations": 0}, InvalidInput),
        ({"valid_from": 9, "valid_until": 9}, InvalidInput),
        ({"effect": 2, "conditions": 0}, InvalidInput),
    ],
    ids=str,
)
def test_a_scope_that_makes_no_sense(house, patient, change, error):
    refused(house, error, house.scene.consent(patient, scope=any_scope(house.scene.terms, **change)))


def test_an_enrolment_is_checked(house, patient):
    scene = house.scene
    newcomer = Patient()
    refused(house, Replayed, scene.enrolment(patient), match="enrolled already")
    refused(house, NotFound, scene.enrolment(newcomer, custodian=fresh()), match="not admitted")
    refused(house, BadSignature, msgspec.structs.replace(scene.enrolment(newcomer), signature=bytes(65)))
    refused(house, InvalidInput, scene.enrolment(newcomer, since=5, until=5))
    refused(house, InvalidInput, scene.enrolment(newcomer, capacity=9))
    for signer in (b"", b"\x01" * 19, b"\x01" * 1025, bytes(20), bytes(20) + b"\x01" * 33):
        refused(house, InvalidInput, scene.enrolment(newcomer, first_signer=signer), match="a signer has")
    refused(house, InvalidInput, scene.enrolment(newcomer, capacity=Capacity.STAFF), match="paper form")
    twice = scene.enrolment(newcomer)
    refused(house, Replayed, twice, scene.enrolment(newcomer, form=fresh()), index=1)


def test_what_is_accepted_here_the_chain_accepts_too(house):
    """The point of checking twice: nothing that was accepted comes back refused."""
    scene = house.scene
    first, second, third = house.patients[:3]
    grant = scene.consent(first)
    house.submit(
        grant,
        scene.consent(second, scope=any_scope(scene.terms, effect=2)),
        scene.consent(first, id=grant.id, version=2, scope=any_scope(scene.terms, purposes=8, diseases=8903)),
        addition(house, third, Patient()),
        scene.withdrawal(first, grant.id),
        scene.withdrawal_of_all(second),
    )
    house.seal()
    assert house.context.outbox.items(state=ItemState.REFUSED) == []
    assert len(house.context.outbox.items(state=ItemState.SEALED)) == 6


def test_a_malformed_act_does_not_hide_what_is_wrong_with_an_earlier_one(house, patient):
    grant = house.scene.consent(patient)
    foreign = changed(house, Patient(), house.scene.consent(patient))
    malformed = msgspec.structs.replace(grant, id=b"short")
    refused(house, BadSignature, grant, foreign, malformed, index=1)
    refused(house, InvalidInput, grant, malformed, foreign, index=1, match="32 bytes")
