"""Answers that no reorg can take back."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.domain.decision import Reason
from ledger.services.context import Limits
from ledger.services.decide import look, record
from ledger.services.past import Past
from ledger.services.replay import replay
from tests.support.scene import any_scope

CONFIRMATIONS = 2


def firm(house, confirmations=CONFIRMATIONS):
    return replace(house.context, limits=Limits(confirmations=confirmations))


def reasons(context, house, *, finalized=True):
    subjects = [patient.subject for patient in house.patients]
    answer = look(context, house.scene.request(), subjects, finalized=finalized)
    return [decision.reason for decision in answer.decisions]


def test_a_grant_counts_when_blocks_stand_on_it(house):
    first, second, third = house.patients[:3]
    house.on_chain(house.scene.consent(first))
    assert reasons(firm(house), house)[0] is Reason.NOT_FINAL
    assert reasons(firm(house), house, finalized=False)[0] is Reason.PERMITTED
    assert reasons(firm(house, 0), house)[0] is Reason.PERMITTED
    house.on_chain(house.scene.consent(second))
    house.on_chain(house.scene.consent(third))
    assert reasons(firm(house), house)[:3] == [Reason.PERMITTED, Reason.NOT_FINAL, Reason.NOT_FINAL]


def test_a_withdrawal_counts_before_it_is_final(house, patient):
    consent = house.scene.consent(patient)
    house.on_chain(consent)
    for other in house.patients[1:4]:
        house.on_chain(house.scene.consent(other))
    assert reasons(firm(house), house)[0] is Reason.PERMITTED
    house.submit(house.scene.withdrawal(patient, consent.id))
    assert reasons(firm(house), house)[0] is Reason.PENDING_WITHDRAWAL
    house.seal()
    assert reasons(firm(house), house)[0] is Reason.NO_CONSENT


def test_a_chain_younger_than_finality_permits_nothing(house, patient):
    house.on_chain(house.scene.consent(patient))
    assert reasons(firm(house, 10_000), house)[0] is Reason.NOT_FINAL


def test_a_recorded_answer_replays(house, patient):
    house.on_chain(house.scene.consent(patient))
    subjects = [one.subject for one in house.patients]
    made = record(firm(house), house.ledger.appender, house.scene.request(), subjects, finalized=True)
    assert made.answer.permitted == []
    assert made.answer.excluded[Reason.NOT_FINAL] == 1
    found = replay(house.context, made.id)
    assert found.same
    assert found.pending == 1


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["permit", "deny", "withdraw"])), min_size=1, max_size=4))
def test_firm_answers_are_those_of_both_blocks(house, acts):
    """Whatever happened: permitted if and only if the head and the newest final block both permit."""
    scene = house.scene
    for who, what in acts:
        patient = house.patients[who]
        if what == "withdraw":
            live = [one for one in house.context.mirror.consents(patient.subject) or () if one.state == 1]
            if not live:
                continue
            house.on_chain(scene.withdrawal(patient, live[0].id))
        else:
            house.on_chain(scene.consent(patient, scope=any_scope(scene.terms, effect=1 if what == "permit" else 2)))
    context, request = firm(house), scene.request()
    subjects = [patient.subject for patient in house.patients]
    answer = look(context, request, subjects, finalized=True)
    head, final = (Past(context, request, answer.block.number - depth) for depth in (0, CONFIRMATIONS))
    expected = [
        one for one in subjects if head.decide(one, answer.at).permitted and final.decide(one, answer.at).permitted
    ]
    assert answer.permitted == expected
