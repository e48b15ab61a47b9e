"""Who may do what: tokens that are not for us, scopes, roles, and what is hidden from whom."""

import json
import time

from joserfc import jwt
from joserfc.jwk import OKPKey

from tests.support.problems import problem
from tests.support.service import HOUR, fresh_id


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
    assert "idempotency-key" in json.dumps(problem(answer, 400, "invalid-input")).lower()


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
