"""Cohorts as streams: every id, in both forms, with an end that shows a cut stream."""

import json

import pytest

from api.streams import NDJSON, PACKED
from tests.support.service import WAIT, fresh_id


@pytest.fixture(scope="module")
def permitting(world):
    """Three subjects that permit."""
    people = world.enrol(3)
    acts = [world.consent(subject, wallet) for subject, wallet in people]
    for (subject, _), act in zip(people, acts, strict=True):
        world.service.post("/v1/consents", {"acts": [act]}, "subject", subject, 200, **WAIT)
    return sorted(subject for subject, _ in people)


def ask(world, subjects, accept, **headers):
    headers = {"Accept": accept} | headers
    return world.service.post("/v1/cohorts", world.question(subjects=subjects), "engine", world.engine, 200, **headers)


def unpacked(body):
    size = int.from_bytes(body[:4])
    head, ids, count = json.loads(body[4 : 4 + size]), body[4 + size : -8], int.from_bytes(body[-8:])
    assert len(ids) == 32 * count
    return head, ["0x" + ids[place : place + 32].hex() for place in range(0, len(ids), 32)]


def lines(body):
    first, *ids, last = body.decode().splitlines()
    assert json.loads(last) == {"end": {"count": len(ids)}}
    return json.loads(first), [json.loads(one) for one in ids]


@pytest.mark.parametrize(("form", "read"), [(NDJSON, lines), (PACKED, unpacked)])
def test_a_stream_holds_what_the_json_holds(world, permitting, form, read):
    stranger = fresh_id()
    plain = ask(world, [*permitting, stranger], "application/json").json()
    answer = ask(world, [*permitting, stranger], form)
    assert answer.headers["content-type"] == form
    assert answer.headers["content-length"] == str(len(answer.content))
    head, ids = read(answer.content)
    assert ids == permitting
    subjects = plain["permitted"].pop("subjects")
    assert subjects == permitting
    fresh = {"id", "at", "receipt", "entry", "commitment"}
    assert {name: head[name] for name in head if name not in fresh} == {
        name: plain[name] for name in plain if name not in fresh
    }
    again = world.service.http.get(
        f"/v1/decisions/{head['id']}/subjects",
        headers=world.service.as_("engine", world.engine) | {"Accept": form},
    )
    assert read(again.content) == ({"id": head["id"], "count": 3}, permitting)


@pytest.mark.parametrize(("form", "read"), [(NDJSON, lines), (PACKED, unpacked)])
def test_an_empty_cohort_has_an_end_too(world, form, read):
    head, ids = read(ask(world, [fresh_id()], form).content)
    assert (head["permitted"], ids) == ({"count": 0}, [])


def test_a_repeated_question_streams_the_same_answer(world, permitting):
    key = {"Idempotency-Key": fresh_id()}
    first, again = (ask(world, permitting, PACKED, **key).content for _ in range(2))
    assert first == again


def test_only_the_engine_that_asked_reads_the_subjects_again(world, permitting):
    made = ask(world, permitting, "application/json").json()
    path = f"/v1/decisions/{made['id']}/subjects"
    assert world.service.get(path, "engine", world.engine)["subjects"] == permitting
    world.service.get(path, "engine", fresh_id(), 404)
    world.service.get(path, "auditor", world.auditor, 403)
