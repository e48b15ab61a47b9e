"""Requests that are malformed, too large, or about what is not there: a problem document, and nothing written."""

import json
import socket

import pytest

from tests.support.problems import problem
from tests.support.service import Wallet, fresh_id


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"not json",
        b'{"acts": [}',
        b"[" * 100_000,
        b'{"acts": ' + b"9" * 5000 + b"}",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"acts"',
        b'{"acts": null}',
        b'{"acts": []}',
        b'{"acts": [{}]}',
        b'{"acts": [NaN]}',
    ],
    ids=lambda body: body[:12].decode("latin-1"),
)
def test_malformed_json(world, ann, unwritten, body):
    headers = world.service.as_("subject", ann[0], **{"Content-Type": "application/json"})
    answer = world.service.http.post("/v1/consents", content=body, headers=headers)
    problem(answer, 400, "invalid-input", index=0 if body == b'{"acts": [{}]}' else None)


def test_another_content_type(world, ann, unwritten):
    body = json.dumps({"acts": [ann[2]]}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        headers = world.service.as_("subject", ann[0], **{"Content-Type": kind})
        problem(world.service.http.post("/v1/consents", content=body, headers=headers), 400, "invalid-input")


def test_text_that_no_database_should_hold(world, unwritten):
    for name in ("a\x00b", "a\nb", "\ud800", "", "x" * 201, "\u202e"):
        headers = world.service.as_("steward", world.steward, **{"Content-Type": "application/json"})
        body = json.dumps({"name": name}).encode()
        answer = world.service.http.post("/v1/institutions", content=body, headers=headers)
        problem(answer, 400, "invalid-input")


@pytest.mark.parametrize("facts", [{"epsilon": 0.5}, {"n": 2**60}, {"é": 1}, {"text": "x" * 70_000}])
def test_facts_that_have_no_canonical_form(world, unwritten, facts):
    entries = {"entries": [{"kind": "computation.started", "study": world.study, "facts": facts}]}
    answer = world.service.post("/v1/entries", entries, "engine", world.engine, **{"Idempotency-Key": fresh_id()})
    problem(answer, 400, "invalid-input")


def test_a_body_too_large(world, ann, unwritten):
    service, subject = world.service, ann[0]
    headers = service.as_("subject", subject, **{"Content-Type": "application/json"})
    large = b'{"acts": "' + b"x" * (1 << 20) + b'"}'
    problem(service.http.post("/v1/consents", content=large, headers=headers), 413, "too-large")
    parts = iter([b'{"acts": "', *[b"x" * (1 << 16)] * 40])
    problem(service.http.post("/v1/consents", content=parts, headers=headers), 413, "too-large")


def test_a_body_that_lies_about_its_length_is_stopped_where_it_says_it_ends(world, ann, unwritten):
    port = world.service.settings.port
    token = world.service.token("subject", ann[0])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"POST /v1/consents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer " + token.encode() + b"\r\nContent-Length: 999999999999\r\n\r\n{"
        )
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


def test_a_batch_too_large(world, ann, unwritten):
    service, (subject, _, consent) = world.service, ann
    answer = service.post("/v1/consents", {"acts": [consent] * 101}, "subject", subject)
    problem(answer, 413, "too-large", "100")
    subjects = [fresh_id() for _ in range(101)]
    for path in ("/v1/decisions", "/v1/cohorts"):
        problem(service.post(path, world.question(subjects=subjects), "engine", world.engine), 413, "too-large")
    enrolments = {"enrolments": [{"signer": Wallet().signer}] * 101}
    problem(service.post("/v1/subjects", enrolments, "institution", world.institution), 413, "too-large")


def test_a_subject_named_twice(world, ann, unwritten):
    question = world.question(subjects=[ann[0], ann[0]])
    problem(world.service.post("/v1/cohorts", question, "engine", world.engine), 400, "invalid-input", "twice")


def test_a_block_that_is_not_there_yet_is_no_answer(world, ann, unwritten):
    question = world.question(subjects=[ann[0]], at_least_block=10**9)
    answer = world.service.post("/v1/decisions", question, "engine", world.engine)
    problem(answer, 503, "mirror-lagging")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "path",
    [
        "/v1/logs/{log}/entries?cursor=zzz",
        "/v1/logs/{log}/entries?cursor=AAAAAAAAAAB",
        "/v1/logs/{log}/entries?limit=0",
        "/v1/logs/{log}/entries?limit=1001",
        "/v1/logs/{log}/entries/-1",
        "/v1/logs/{log}/entries/x",
        "/v1/logs/0x12/entries",
        "/v1/logs/{log}/consistency?first=0",
    ],
)
def test_addresses_and_queries_at_fault(world, path):
    answer = world.service.http.get(
        path.format(log=world.institution), headers=world.service.as_("auditor", world.auditor)
    )
    problem(answer, 400, "invalid-input")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/logs/{log}/entries/999999",
        "/v1/logs/{log}/entries/0?size=999999",
        "/v1/logs/{log}/inclusion?index=999999",
        "/v1/logs/{log}/consistency?first=999999",
        "/v1/nothing",
        "/v1/decisions/" + "0x" + "11" * 32,
        "/v1/acts/" + "0x" + "11" * 32,
        "/v1/studies/" + "0x" + "11" * 32,
    ],
)
def test_what_is_not_there(world, path):
    answer = world.service.http.get(
        path.format(log=world.institution), headers=world.service.as_("auditor", world.auditor)
    )
    problem(answer, 404, "not-found")


def test_a_method_that_is_not_taken(world):
    problem(world.service.http.delete("/v1/domain"), 405, "method-not-allowed")
