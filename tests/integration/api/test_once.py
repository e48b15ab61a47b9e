"""An idempotency key: done once, answered the same, and never for another request."""

from tests.support.problems import problem
from tests.support.service import WAIT, fresh_id


def test_a_key_that_was_used_for_other_entries(world):
    key, service = fresh_id(), world.service
    entries = {"entries": [{"kind": "computation.started", "study": world.study, "facts": {"n": 1}}]}
    service.post("/v1/entries", entries, "engine", world.engine, 200, **{"Idempotency-Key": key})
    before = service.rows()
    entries["entries"][0]["facts"]["n"] = 2
    answer = service.post("/v1/entries", entries, "engine", world.engine, **{"Idempotency-Key": key})
    problem(answer, 409, "replayed")
    assert service.rows() == before


def test_a_write_with_a_key_is_done_once(world):
    service, key = world.service, {"Idempotency-Key": fresh_id()}
    body = {"name": "Once General"}
    first = service.post("/v1/institutions", body, "steward", world.steward, **key, **WAIT)
    before = service.rows()
    again = service.post("/v1/institutions", body, "steward", world.steward, **key, **WAIT)
    assert first.json() == again.json()
    other = service.post("/v1/institutions", {"name": "Twice General"}, "steward", world.steward, **key)
    problem(other, 409, "replayed", "Idempotency-Key")
    assert service.rows() == before


def test_a_decision_with_a_key_is_recorded_once(world, ann):
    service, key = world.service, {"Idempotency-Key": fresh_id()}
    question = world.question(subjects=[ann[0]])
    for path in ("/v1/decisions", "/v1/cohorts"):
        first = service.post(path, question, "engine", world.engine, 200, **key).json()
        before = service.rows()
        assert service.post(path, question, "engine", world.engine, 200, **key).json() == first
        assert service.rows() == before
        assert service.post(path, question, "engine", world.engine, 200).json()["id"] != first["id"]
        other = question | {"categories": ["demographics"]}
        problem(service.post(path, other, "engine", world.engine, **key), 409, "replayed")
