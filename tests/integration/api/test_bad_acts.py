"""Signed acts that are wrong: each gets a problem document that says so, and nothing is written."""

import json
import time

import pytest

from tests.support.problems import problem
from tests.support.service import WAIT, Wallet, fresh_id


def test_a_wrong_signature(world, ann, unwritten):
    subject, wallet, _ = ann
    stranger = Wallet()
    good, bad = world.consent(subject, wallet), world.consent(subject, wallet)
    bad["signature"] = good["signature"]
    answer = world.service.post("/v1/consents", {"acts": [good, bad]}, "subject", subject)
    problem(answer, 400, "bad-signature", index=1)
    for change in ({"version": 2}, {"deadline": bad["deadline"] + 1}, {"signer": stranger.signer}):
        answer = world.service.post("/v1/consents", {"acts": [good | change]}, "subject", subject)
        assert answer.json()["type"] in {"/problems/bad-signature", "/problems/wrong-state"}
    wider = json.loads(json.dumps(good))
    wider["scope"]["categories"] = "any"
    problem(world.service.post("/v1/consents", {"acts": [wider]}, "subject", subject), 400, "bad-signature", index=0)
    withdrawal = world.withdrawal(subject, ann[2]["id"], stranger)
    problem(
        world.service.post("/v1/withdrawals", {"acts": [withdrawal]}, "subject", subject),
        400,
        "bad-signature",
        index=0,
    )


def test_an_expired_deadline(world, ann, unwritten):
    subject, wallet, _ = ann
    late = world.consent(subject, wallet, deadline=int(time.time()) - 1)
    answer = world.service.post("/v1/consents", {"acts": [late]}, "subject", subject)
    problem(answer, 400, "deadline-passed", "sign it again", index=0)


def test_a_replayed_id(world, ann, unwritten):
    subject, wallet, consent = ann
    other = world.consent(subject, wallet, id=consent["id"], deadline=consent["deadline"] + 1)
    answer = world.service.post("/v1/consents", {"acts": [other]}, "subject", subject)
    problem(answer, 409, "replayed", "version 1", index=0)


def test_the_same_act_again_is_the_same_item(world, ann, unwritten):
    subject, _, consent = ann
    answers = [world.service.post("/v1/consents", {"acts": [consent]}, "subject", subject) for _ in range(2)]
    assert {answer.json()["items"][0]["state"] for answer in answers} == {"sealed"}


def test_a_consent_that_was_withdrawn_does_not_come_back(world):
    ((subject, wallet),) = world.enrol(1)
    consent = world.consent(subject, wallet)
    world.service.post("/v1/consents", {"acts": [consent]}, "subject", subject, 200, **WAIT)
    body = {"acts": [world.withdrawal(subject, consent["id"], wallet)]}
    world.service.post("/v1/withdrawals", body, "subject", subject, 200, **WAIT)
    before = world.service.rows()
    again = world.consent(subject, wallet, id=consent["id"], version=2)
    answer = world.service.post("/v1/consents", {"acts": [again]}, "subject", subject)
    problem(answer, 409, "replayed", "withdrawn", index=0)
    assert world.service.rows() == before


def test_an_unknown_study_engine_subject_and_text(world, ann, unwritten):
    service, (subject, wallet, _) = world.service, ann
    question = world.question(study=fresh_id(), subjects=[subject])
    problem(service.post("/v1/cohorts", question, "engine", world.engine), 404, "not-found", "study")
    problem(service.post("/v1/decisions", question, "engine", world.engine), 404, "not-found", "study")
    unknown = fresh_id()
    problem(
        service.post("/v1/cohorts", world.question(subjects=[subject]), "engine", unknown), 404, "not-found", "engine"
    )
    entries = {"entries": [{"kind": "computation.started", "study": fresh_id()}]}
    answer = service.post("/v1/entries", entries, "engine", world.engine, **{"Idempotency-Key": "k"})
    problem(answer, 404, "not-found", "study")
    entries = {"entries": [{"kind": "computation.started", "study": world.study, "decision": fresh_id()}]}
    answer = service.post("/v1/entries", entries, "engine", world.engine, **{"Idempotency-Key": "k"})
    problem(answer, 404, "not-found", "decision")
    stranger = world.consent(unknown, wallet)
    problem(service.post("/v1/consents", {"acts": [stranger]}, "subject", unknown), 404, "not-found", index=0)
    unread = world.consent(subject, wallet, scope=world.scope(terms=fresh_id()))
    answer = service.post("/v1/consents", {"acts": [unread]}, "subject", subject)
    problem(answer, 404, "not-found", "not published", index=0)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"subject": "0x12"}, "/acts/0/subject"),
        ({"subject": "0x" + "00" * 32}, "/acts/0/subject"),
        ({"subject": "0x" + "AB" * 32}, "/acts/0/subject"),
        ({"subject": 7}, "/acts/0/subject"),
        ({"version": "1"}, "/acts/0/version"),
        ({"version": 0}, "/acts/0/version"),
        ({"version": True}, "/acts/0/version"),
        ({"version": 1.0}, "/acts/0/version"),
        ({"deadline": -1}, "/acts/0/deadline"),
        ({"deadline": 10**30}, "/acts/0/deadline"),
        ({"signature": "0x"}, None),
        ({"signature": "0x" + "00" * 5000}, "/acts/0/signature"),
        ({"extra": 1}, "/acts/0/extra"),
        ({"scope": {}}, "/acts/0/scope/effect"),
    ],
)
def test_a_field_at_fault_is_pointed_at(world, ann, unwritten, change, pointer):
    subject, _, consent = ann
    answer = world.service.post("/v1/consents", {"acts": [consent | {"id": fresh_id()} | change]}, "subject", subject)
    if pointer is None:
        problem(answer, 400, "bad-signature", index=0)
        return
    document = problem(answer, 400, "invalid-input", index=0)
    assert pointer in [fault["pointer"] for fault in document["errors"]]


@pytest.mark.parametrize(
    ("change", "slug", "says"),
    [
        ({"purposes": ["world-domination"]}, "unknown-code", "world-domination"),
        ({"purposes": []}, "invalid-input", "empty"),
        ({"recipient": {"study": "0x00"}}, "invalid-input", "recipient"),
        ({"validity": {"from": 5, "until": 5}}, "invalid-input", "validity"),
        ({"diseases": ["MONDO:0008903"]}, "invalid-input", "diseases"),
        ({"terms": "0x"}, "invalid-input", "terms"),
        ({"effect": "maybe"}, "invalid-input", "permit"),
    ],
)
def test_a_scope_that_makes_no_sense(world, ann, unwritten, change, slug, says):
    subject, _, consent = ann
    body = {"acts": [consent | {"id": fresh_id(), "scope": world.scope() | change}]}
    problem(world.service.post("/v1/consents", body, "subject", subject), 400, slug, says, index=0)
