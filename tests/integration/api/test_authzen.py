"""AuthZEN 1.0: certification through our routes on a fixture policy, and the consent policy behind the same routes."""

import json
import os
from pathlib import Path

import pytest

from api.authzen.port import Action, Entity, Question, Verdict
from tests.support.service import WAIT, Service, fresh_id

DATA = Path(os.environ.get("CONSENTRY_TEST_DATA", Path(__file__).parents[4] / "shared/data")) / "authzen"
VECTORS = DATA / "certification-vectors.json"
CASES = json.loads(VECTORS.read_text())["cases"] if VECTORS.exists() else []
READ = {"subject": {"type": "user", "id": "alice"}, "action": {"name": "read"}}
RECORD = {"resource": {"type": "record", "id": "record-1"}}


USERS = {"alice": {}, "bob": {"role": "admin"}}
RECORDS = {"record-1": {}, "record-2": {"status": "archived"}}
ACTIONS = ("delete", "read", "write")


class FixturePolicy:
    """The rules and the entities that the certification scenario is written against."""

    def allows(self, question: Question) -> bool:
        subject, action, resource = question.subject, question.action, question.resource
        if subject.type != "user" or resource.type != "record" or subject.id not in USERS:
            return False
        if action.name == "delete":
            return subject.id == "alice" and action.properties.get("soft") is True
        if action.name == "write" and resource.properties.get("status") == "archived":
            return subject.properties.get("role") == "admin"
        return resource.id == "record-1" and (action.name == "read" or (action.name, subject.id) == ("write", "alice"))

    def evaluate(self, _who, questions):
        return [Verdict(self.allows(question)) for question in questions]

    def search(self, _who, target, question, after, limit):
        subject, action, resource = question.subject, question.action, question.resource
        candidates = {
            "subject": [(i, Entity(subject.type, i, held), action, resource) for i, held in USERS.items()],
            "action": [(i, subject, Action(i), resource) for i in ACTIONS],
            "resource": [(i, subject, action, Entity(resource.type, i, held)) for i, held in RECORDS.items()],
        }[target]
        return [name for name, *rest in candidates if self.allows(Question(*rest)) and name > after][:limit]


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """A client of a service with the fixture policy."""
    running = Service(tmp_path_factory.mktemp("certified"), access_policy=FixturePolicy())
    running.http.headers["Authorization"] = f"Bearer {running.token('engine', fresh_id())}"
    yield running.http
    running.close()


def name_of(case):
    return f"{case['id']} {case['title']}"


def holds(expected, found):
    """Whether everything that the case expects is in the answer (results: at least those)."""
    if isinstance(expected, dict) and "results" in expected:
        wanted = expected["results"]
        return all(one in found["results"] for one in wanted) if wanted else found["results"] == []
    return all(found.get(name) == value for name, value in expected.items())


@pytest.mark.skipif(not CASES, reason=f"the certification cases are not here ({VECTORS})")
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_certification(certified, case):
    answer = certified.post(case["endpoint"], json=case["request"], headers={"X-Request-ID": "case"})
    if "token" in case["request"].get("page", {}):  # stands for a token that was given out before
        asked = {name: value for name, value in case["request"].items() if name != "page"}
        first = certified.post(case["endpoint"], json=asked | {"page": {"limit": 1}}).json()
        answer = certified.post(case["endpoint"], json=asked | {"page": {"token": first["page"]["next_token"]}})
        assert answer.json()["results"] == [{"type": "user", "id": "bob"}]
    assert answer.status_code == case["http_status"], answer.text
    if answer.status_code != 200:
        return
    found, expected = answer.json(), case["expected"]
    if isinstance(expected, dict):
        assert holds(expected, found)
    if '`"decision": true`' in case["expected_text"]:
        assert found["decision"] is True
    if case["endpoint"].endswith("evaluations") and case["request"].get("evaluations"):
        assert len(found["evaluations"]) == len(case["request"]["evaluations"])
        assert all(isinstance(one["decision"], bool) for one in found["evaluations"])
    if case["id"] == "c-3-4-1":
        assert [one["decision"] for one in found["evaluations"]] == [True, False]
        assert found["evaluations"][1]["context"]["error"]["status"] == 400
    if case["title"].startswith("Subject search with"):
        least = ["bob"] if "properties" in case["title"] else ["alice", "bob"]
        assert [one["id"] for one in found["results"]] == least
    if case["title"].startswith("Action search with context"):
        assert [one["name"] for one in found["results"]] == ["read", "write"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (json.dumps(READ | RECORD).encode(), "text/plain"),
        (json.dumps(READ | RECORD).encode(), "application/xml"),
        (json.dumps(READ | RECORD).encode(), ""),
    ],
)
@pytest.mark.parametrize("endpoint", ["evaluation", "evaluations", "search/subject"])
def test_what_is_not_a_json_object_is_400(certified, endpoint, content, kind):
    headers = {"X-Request-ID": "odd"} | ({"Content-Type": kind} if kind else {})
    answer = certified.post(f"/access/v1/{endpoint}", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["X-Request-ID"] == "odd"


def test_without_a_token_it_is_401(certified):
    answer = certified.post("/access/v1/evaluation", json=READ | RECORD, headers={"Authorization": ""})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("semantic", "expected"),
    [
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
def test_the_three_semantics(certified, semantic, expected):
    body = READ | {
        "options": {"evaluations_semantic": semantic, "more": 1},
        "evaluations": [RECORD, {"resource": {"type": "record", "id": "record-9"}}, RECORD],
    }
    found = certified.post("/access/v1/evaluations", json=body).json()["evaluations"]
    assert [one["decision"] for one in found] == expected


def test_an_unknown_semantic_is_400(certified):
    body = READ | RECORD | {"options": {"evaluations_semantic": "best_of_three"}, "evaluations": [{}]}
    assert certified.post("/access/v1/evaluations", json=body).status_code == 400


def test_pages_follow_one_another_and_belong_to_their_search(certified):
    search = {"subject": {"type": "user"}, "action": {"name": "read"}, **RECORD}
    first = certified.post("/access/v1/search/subject", json=search | {"page": {"limit": 1}}).json()
    assert (first["results"], first["page"]["count"]) == ([{"type": "user", "id": "alice"}], 1)
    token = first["page"]["next_token"]
    last = certified.post("/access/v1/search/subject", json=search | {"page": {"limit": 1, "token": token}}).json()
    assert (last["results"], last["page"]["next_token"]) == ([{"type": "user", "id": "bob"}], "")
    other = search | {"action": {"name": "write"}, "page": {"token": token}}
    for broken in (other, search | {"page": {"token": "!"}}, search | {"page": {"limit": 0}}, search | {"page": 1}):
        assert certified.post("/access/v1/search/subject", json=broken).status_code == 400


def test_the_configuration_names_every_endpoint(service):
    document = service.http.get("/.well-known/authzen-configuration").json()
    base = document.pop("policy_decision_point")
    assert base == service.settings.url
    assert sorted(document.values()) == sorted(
        f"{base}/access/v1/{name}"
        for name in ("evaluation", "evaluations", "search/subject", "search/resource", "search/action")
    )


@pytest.fixture(scope="module")
def asked(world):
    """Two patients, of whom the first allows everything; and the parts of a question about them."""
    (ann, wallet), (bob, _) = world.enrol(2)
    world.service.post("/v1/consents", {"acts": [world.consent(ann, wallet)]}, "subject", ann, 200, **WAIT)
    question = {
        "subject": {"type": "engine", "id": world.engine},
        "action": {"name": "differential-privacy"},
        "context": {"study": world.study, "categories": ["demographics"]},
    }
    return question, {"type": "patient", "id": ann}, {"type": "patient", "id": bob}


def test_consents_answer_in_batches(world, asked, unwritten):
    question, ann, bob = asked
    body = question | {
        "evaluations": [
            {"resource": ann},
            {"resource": bob},
            {"resource": ann, "action": {"name": "dancing"}},
            {"resource": ann, "context": {}},
            {"resource": ann, "subject": {"type": "engine", "id": fresh_id()}},
            {"resource": {"type": "patient", "id": fresh_id()}},
            {"resource": ann},
        ]
    }
    found = world.service.post("/access/v1/evaluations", body, "engine", world.engine, 200).json()["evaluations"]
    assert [one["decision"] for one in found] == [True, False, False, False, False, False, True]
    assert [one["context"].get("error", {}).get("status") for one in found] == [None, None, 400, 400, 403, None, None]
    assert found[0]["context"]["reason"] == "permitted"
    assert found[1]["context"]["reason"] == "no_consent"
    assert found[5]["context"]["reason"] == "subject_unknown"


def test_consents_are_searched(world, asked, unwritten):
    question, ann, bob = asked
    service, engine = world.service, world.engine

    def search(target, body, role="engine", sub=engine, status=200):
        return service.post(f"/access/v1/search/{target}", body, role, sub, status).json()

    engines = search("subject", question | {"subject": {"type": "engine"}, "resource": ann})
    assert engines["results"] == [{"type": "engine", "id": engine}]
    institution = search(
        "subject", question | {"subject": {"type": "engine"}, "resource": ann}, "institution", world.institution
    )
    assert {"type": "engine", "id": engine} in institution["results"]
    assert search("subject", question | {"subject": {"type": "engine"}, "resource": bob})["results"] == []
    assert search("subject", question | {"subject": {"type": "spaceship"}, "resource": ann})["results"] == []

    actions = {name: value for name, value in question.items() if name != "action"}
    assert {"name": "differential-privacy"} in search("action", actions | {"resource": ann})["results"]
    assert search("action", actions | {"resource": bob})["results"] == []
    search("action", actions | {"resource": ann, "context": {}}, status=400)

    # An id or type that nobody knows finds nothing; a context that makes no sense is said, not searched with.
    stranger = {"subject": {"type": "engine", "id": "nobody"}, "resource": {"type": "patient"}}
    for subject in (stranger["subject"], {"type": "engine", "id": fresh_id()}, {"type": "user", "id": engine}):
        assert search("resource", question | stranger | {"subject": subject})["results"] == []
    misspelt = {"context": question["context"] | {"categories": ["demografics"]}}
    search("action", actions | {"resource": ann} | misspelt, status=400)
    search("subject", question | {"subject": {"type": "engine"}, "resource": ann} | misspelt, status=400)
    search("resource", question | {"resource": {"type": "patient"}} | misspelt, status=400)

    everyone, token = [], ""
    while True:
        page = search("resource", question | {"resource": {"type": "patient"}, "page": {"limit": 1, "token": token}})
        everyone += page["results"]
        token = page["page"]["next_token"]
        if not token:
            break
    assert ann in everyone
    assert bob not in everyone
    whole = search("resource", question | {"resource": {"type": "patient"}})["results"]
    assert everyone == whole
    search("resource", question | {"resource": {"type": "patient"}}, "institution", world.institution, 403)
