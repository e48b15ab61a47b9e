"""An answer about the past is the answer that was given then, whatever came since."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.domain.decision import Reason
from ledger.domain.vocabulary import FOREVER
from ledger.services.as_of import Moment, look_back
from ledger.services.decide import look
from ledger.services.replay import replay
from tests.support.scene import any_scope

KINDS = ("permit", "short", "later", "deny", "withdraw", "withdraw-all", "time")
STEPS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(KINDS), st.integers(1, 500)), min_size=1, max_size=6)


def act(house, who, kind, seconds):
    """One signed act of a patient, or None where there is nothing to do."""
    scene, patient, now = house.scene, house.patients[who], house.clock.at
    if kind == "withdraw":
        live = [one for one in house.context.mirror.consents(patient.subject) or () if one.state == 1]
        return scene.withdrawal(patient, live[0].id) if live else None
    if kind == "withdraw-all":
        return scene.withdrawal_of_all(patient)
    changes = {"effect": 2 if kind == "deny" else 1}
    if kind == "short":
        changes["valid_until"] = now + seconds
    if kind == "later":
        changes |= {"valid_from": now + seconds, "valid_until": FOREVER}
    return scene.consent(patient, scope=any_scope(scene.terms, **changes))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_the_past_answers_as_it_did(house, steps):
    """Looks and recorded decisions alike; what waited then was not on the chain, and is set apart."""
    context, request = house.context, house.scene.request()
    subjects = [patient.subject for patient in house.patients]
    given_then, recorded = [], []
    for who, kind, seconds in steps:
        if kind == "time":
            house.clock.at += seconds
            house.ledger.catch_up()
        else:
            made = act(house, who, kind, seconds)
            if made is not None:
                house.submit(made)
                recorded.append(house.record(*house.patients))
                house.seal()
        given_then.append(look(context, request, subjects))
        recorded.append(house.record(*house.patients))
    for before in given_then:
        then = look_back(context, request, subjects, Moment(before.block, before.at))
        assert list(then.decisions) == list(before.decisions)
    for one in recorded:
        found = replay(context, one.id)
        assert found.same
        assert found.pending == one.answer.excluded.get(Reason.PENDING_WITHDRAWAL, 0)
