"""Everything that is wrong gets a problem document that says so, and nothing of the request is written."""

import json
import socket
import time

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from tests.support.service import HOUR, WAIT, Wallet, fresh_id


@pytest.fixture(scope="module")
def ann(world):
    """An enrolled subject with one consent: (subject, wallet, the consent's signed act)."""
    ((subject, wallet),) = world.enrol(1)
    consent = world.consent(subject, wallet)
    world.service.post("/v1/consents", {"acts": [consent]}, "subject", subject, 200, **WAIT)
    return subject, wallet, consent


@pytest.fixture
def unwritten(world):
    """Fails the test if anything was written."""
    before = world.service.rows()
    yield
    assert world.service.rows() == before


def problem(answer, status, slug, says="", index=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert document["type"] == f"/problems/{slug}", document
    assert document["status"] == status
    assert document["title"]
    assert says in document["detail"], document
    assert document.get("index") == index
    return document


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


def test_an_engine_cannot_stand_on_the_decision_of_another(world, ann):
    service = world.service
    asked = service.post("/v1/cohorts", world.question(subjects=[ann[0]]), "engine", world.wrong_engine, 200).json()
    before = service.rows()
    entries = {"entries": [{"kind": "computation.started", "study": world.study, "decision": asked["id"]}]}
    answer = service.post("/v1/entries", entries, "engine", world.engine, **{"Idempotency-Key": fresh_id()})
    problem(answer, 404, "not-found", "of this engine")
    hidden = service.http.get(f"/v1/decisions/{asked['id']}", headers=service.as_("engine", world.engine))
    problem(hidden, 404, "not-found")
    assert service.rows() == before


def test_an_engine_cannot_write_the_services_own_entries(world, unwritten):
    for kind, status, slug in (
        ("decision", 403, "forbidden"),
        ("erasure", 403, "forbidden"),
        ("x", 400, "unknown-code"),
    ):
        entries = {"entries": [{"kind": kind, "study": world.study}]}
        answer = world.service.post("/v1/entries", entries, "engine", world.engine, **{"Idempotency-Key": "k"})
        problem(answer, status, slug)
    answer = world.service.post("/v1/entries", entries, "engine", world.engine)
    assert "idempotency-key" in json.dumps(problem(answer, 400, "invalid-input"))


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


def foreign(world, **changes):
    """A token of the service's own issuer with one thing changed, or of another key."""
    service = world.service
    now = int(time.time())
    claims = {
        "iss": service.settings.token_issuer,
        "aud": service.settings.audience,
        "sub": world.engine,
        "role": "engine",
        "scope": "decision:check cohort:read audit:append",
        "exp": now + HOUR,
    } | changes
    key = service.issuer._key
    header = {"alg": "EdDSA", "kid": service.issuer._kid, "typ": "at+jwt"}
    return jwt.encode(header, claims, key, ["EdDSA"])


def test_tokens_that_are_not_for_us(world, ann, unwritten):
    service, now = world.service, int(time.time())
    stranger = OKPKey.generate_key("Ed25519")
    good = foreign(world)
    bad = {
        "another audience": foreign(world, aud="somebody-else"),
        "another issuer": foreign(world, iss="http://evil.example"),
        "expired": foreign(world, exp=now - HOUR),
        "unsigned": good.rsplit(".", 1)[0] + ".",
        "junk": "junk",
        "key": jwt.encode({"alg": "EdDSA", "kid": "x"}, {"aud": "consentry"}, stranger, ["EdDSA"]),
    }
    question = world.question(subjects=[ann[0]], record=False)
    assert service.http.post("/v1/decisions", json=question, headers=bearer(good)).status_code == 200
    for what, token in bad.items():
        answer = service.http.post("/v1/decisions", json=question, headers=bearer(token))
        document = problem(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), what
        assert token not in json.dumps(document)
    problem(service.http.post("/v1/decisions", json=question), 401, "unauthenticated", "Authorization")
    cookie = {"Cookie": f"consentry={good}"}
    problem(service.http.post("/v1/decisions", json=question, headers=cookie), 401, "unauthenticated")
    basic = {"Authorization": "Basic YTpi"}
    problem(service.http.post("/v1/decisions", json=question, headers=basic), 401, "unauthenticated")


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_a_scope_or_role_that_does_not_allow_it(world, ann, unwritten):
    service = world.service
    few = bearer(foreign(world, scope="audit:append"))
    question = world.question(subjects=[ann[0]])
    problem(service.http.post("/v1/cohorts", json=question, headers=few), 403, "forbidden", "cohort:read")
    for role in ("subject", "institution", "auditor", "reviewer", "steward"):
        problem(service.post("/v1/cohorts", question, role, fresh_id()), 403, "forbidden")
    for role in ("subject", "institution", "auditor", "reviewer", "engine"):
        problem(service.post("/v1/institutions", {"name": "X"}, role, fresh_id()), 403, "forbidden", "directory:admit")
    problem(service.post("/v1/exports", {"log": world.institution}, "engine", world.engine), 403, "forbidden")


def test_nobody_speaks_for_another(world, ann, unwritten):
    service = world.service
    question = world.question(subjects=[ann[0]])
    other = question | {"engine": world.wrong_engine}
    problem(service.post("/v1/cohorts", other, "engine", world.engine), 403, "forbidden", "itself")
    named = question | {"engine": world.engine}
    problem(service.post("/v1/decisions", named, "institution", world.institution), 403, "forbidden", "look")
    look = named | {"record": False}
    assert service.post("/v1/decisions", look, "institution", world.institution, 200).json()["permitted"] == 1
    problem(service.post("/v1/decisions", look, "institution", fresh_id()), 403, "forbidden", "own")
    state = {"to": "suspended"}
    path = f"/v1/studies/{world.study}/state"
    problem(service.post(path, state, "institution", fresh_id()), 403, "forbidden", "another institution")
    approval = {"reviewer": world.reviewer}
    path = f"/v1/studies/{world.study}/approvals"
    problem(service.post(path, approval, "reviewer", fresh_id()), 403, "forbidden", "own name")


def test_a_patient_sees_only_itself_and_a_custodian_its_own(world, ann):
    service, subject = world.service, ann[0]
    ((bob, _),) = world.enrol(1)
    for path in (f"/v1/subjects/{subject}", f"/v1/subjects/{subject}/uses"):
        assert service.get(path, "subject", subject)
        assert service.get(path, "institution", world.institution)
        assert service.get(path, "auditor", world.auditor)
        hidden = service.http.get(path, headers=service.as_("subject", bob))
        document = problem(hidden, 404, "not-found")
        missing = service.http.get(path.replace(subject, fresh_id()), headers=service.as_("subject", bob)).json()
        assert set(document) == set(missing)
        problem(service.http.get(path, headers=service.as_("institution", fresh_id())), 404, "not-found")
        problem(service.http.get(path, headers=service.as_("engine", world.engine)), 403, "forbidden")
    log = world.institution
    for path in (f"/v1/logs/{log}", f"/v1/logs/{log}/entries", f"/v1/logs/{log}/entries/0"):
        problem(service.http.get(path, headers=service.as_("institution", fresh_id())), 404, "not-found")


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
