"""How new and how firm an answer must be: asked for in decisions, cohorts and AuthZEN alike."""

import pytest

from tests.support.service import WAIT, Service, build_world

CONFIRMATIONS = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A service for which a block is final when three stand on it."""
    service = Service(tmp_path_factory.mktemp("firm"), confirmations=CONFIRMATIONS)
    yield build_world(service)
    service.close()


@pytest.fixture(scope="module")
def young(world):
    """Somebody whose consent is in the newest block, and somebody whose consent is final."""
    people = world.enrol(2)
    older, newer = (subject for subject, _ in people)
    for subject, wallet in people:
        for _ in range(CONFIRMATIONS if subject == older else 1):  # one block each
            act = world.consent(subject, wallet)
            world.service.post("/v1/consents", {"acts": [act]}, "subject", subject, 200, **WAIT)
    return older, newer


def decisions(world, subjects, status=200, **changes):
    asked = world.question(subjects=subjects, record=False, **changes)
    return world.service.post("/v1/decisions", asked, "engine", world.engine, status).json()


def evaluation(world, subject, status=200, **context):
    asked = {
        "subject": {"type": "engine", "id": world.engine},
        "action": {"name": "differential-privacy"},
        "resource": {"type": "patient", "id": subject},
        "context": {"study": world.study, "categories": ["demographics"], **context},
    }
    return world.service.post("/access/v1/evaluation", asked, "engine", world.engine, status).json()


def test_a_permit_must_be_final_where_that_is_asked_for(world, young):
    older, newer = young
    reasons = [one["reason"] for one in decisions(world, [older, newer], finalized=True)["decisions"]]
    assert reasons == ["permitted", "not_final"]
    reasons = [one["reason"] for one in decisions(world, [older, newer])["decisions"]]
    assert reasons == ["permitted", "permitted"]


def test_cohorts_leave_out_what_is_not_final(world, young):
    asked = world.question(subjects=list(young), finalized=True)
    made = world.service.post("/v1/cohorts", asked, "engine", world.engine, 200).json()
    assert made["permitted"] == {"count": 1, "subjects": [young[0]]}
    replayed = world.service.get(f"/v1/decisions/{made['id']}/replay", "auditor", world.auditor)
    assert (replayed["same"], replayed["pending"]) == (True, 1)


def test_authzen_takes_both_in_its_context(world, young):
    older, newer = young
    assert evaluation(world, newer)["decision"]
    refused = evaluation(world, newer, finalized=True)
    assert (refused["decision"], refused["context"]["reason"]) == (False, "not_final")
    assert evaluation(world, older, finalized=True)["decision"]
    evaluation(world, older, 503, at_least_block=1 << 40)


@pytest.mark.parametrize("context", [{"finalized": "yes"}, {"at_least_block": -1}, {"at_least_block": True}])
def test_what_makes_no_sense_is_no_yes(world, young, context):
    answer = world.service.post(
        "/access/v1/evaluation",
        {
            "subject": {"type": "engine", "id": world.engine},
            "action": {"name": "differential-privacy"},
            "resource": {"type": "patient", "id": young[0]},
            "context": {"study": world.study, "categories": ["demographics"], **context},
        },
        "engine",
        world.engine,
    )
    assert answer.status_code == 400 or not answer.json()["decision"]


def test_a_block_that_is_to_come_is_an_error(world, young):
    for path, more in (("/v1/decisions", {"record": False}), ("/v1/cohorts", {})):
        asked = world.question(subjects=list(young), at_least_block=1 << 40, **more)
        world.service.post(path, asked, "engine", world.engine, 503)


def test_the_past_can_be_asked_for_only_as_far_as_it_is_final(world, young):
    newest = decisions(world, list(young))["block"]["number"]
    decisions(world, list(young), 503, finalized=True, as_of={"block": newest})
    then = decisions(world, list(young), finalized=True, as_of={"block": newest - CONFIRMATIONS})
    assert then["block"]["number"] == newest - CONFIRMATIONS
