"""Datasets over HTTP: registered by a custodian, read by everybody, and felt by every question."""

import time

import pytest

from ledger.transparency.keys import KeySet
from ledger.transparency.receipt import open_decision
from tests.support.service import HOUR, WAIT, Wallet, fresh_id

TERMS = {"permission": "GRU", "modifiers": {"NPU": True, "PUB": True}}


@pytest.fixture(scope="module")
def clinic(world):
    """A custodian of its own, so that its terms limit no other test's patients: (its id, a patient who permits)."""
    service = world.service
    made = service.post("/v1/institutions", {"name": "Clinic"}, "steward", world.steward, 200, **WAIT).json()["id"]
    wallet = Wallet()
    body = {"enrolments": [{"signer": wallet.signer}]}
    (item,) = service.post("/v1/subjects", body, "institution", made, 200, **WAIT).json()["items"]
    patient = item["subject"]
    service.post("/v1/consents", {"acts": [world.consent(patient, wallet)]}, "subject", patient, 200, **WAIT)
    return made, patient


@pytest.fixture(scope="module")
def dataset(world, clinic):
    answer = world.service.post("/v1/datasets", {"terms": TERMS}, "institution", clinic[0], 200, **WAIT).json()
    assert [item["state"] for item in answer["items"]] == ["sealed"]
    return answer["id"]


def ask(world, patient, **changes):
    question = world.question(subjects=[patient], record=False, **changes)
    (one,) = world.service.post("/v1/decisions", question, "engine", world.engine, 200).json()["decisions"]
    return one


def start_study(world, **purpose):
    """Another active study with a purpose."""
    service, institution = world.service, world.institution
    proposal = {
        "title": "Survival, once more",
        "uses": ["biomedical"],
        "conditions": [],
        "required_terms": 1,
        "ethics": fresh_id(),
        "ethics_until": int(time.time()) + 1000 * HOUR,
        "purpose": purpose,
    }
    study = service.post("/v1/studies", proposal, "institution", institution, 200, **WAIT).json()["id"]
    service.post(f"/v1/studies/{study}/approvals", {}, "reviewer", world.reviewer, 200, **WAIT)
    service.post(f"/v1/studies/{study}/state", {"to": "active"}, "institution", institution, 200, **WAIT)
    return study


def test_everybody_reads_a_dataset(world, clinic, dataset):
    shown = world.service.get(f"/v1/datasets/{dataset}", "engine", world.engine)
    assert shown == {"id": dataset, "custodian": clinic[0], "version": 1, "terms": TERMS, "state": "active"}
    listed = world.service.get("/v1/datasets", "auditor", world.auditor, custodian=clinic[0])["datasets"]
    assert shown in listed
    assert all(one["custodian"] == clinic[0] for one in listed)
    world.service.get(f"/v1/datasets/{fresh_id()}", "auditor", world.auditor, 404)


def test_what_the_study_did_not_say_is_no_yes(world, clinic, dataset):
    found = ask(world, clinic[1])
    assert (found["outcome"], found["reason"], found["codes"]) == ("abstain", "data_use_unknown", ["NPU", "PUB"])
    assert found["consent"] is None
    cohort = world.service.post(
        "/v1/cohorts", world.question(subjects=[clinic[1]], dataset=dataset), "engine", world.engine, 200
    ).json()
    assert (cohort["permitted"]["count"], cohort["codes"], cohort["obligations"]) == (0, ["NPU", "PUB"], [])
    keys = KeySet.from_jwks(world.service.http.get("/.well-known/jwks.json").json())
    assert open_decision(cohort["receipt"], keys).outcome == "abstain"


def test_a_purpose_opens_it_with_obligations(world, clinic, dataset):
    study = start_study(world, nonprofit=True, undertakings=["PUB"])
    shown = world.service.get(f"/v1/studies/{study}", "auditor", world.auditor)
    assert shown["purpose"] == {"nonprofit": True, "undertakings": ["PUB"]}
    found = ask(world, clinic[1], study=study)
    assert (found["outcome"], found["obligations"]) == ("permit", [{"id": "PUB", "properties": {}}])
    question = world.question(subjects=[clinic[1]], study=study, dataset=dataset)
    cohort = world.service.post("/v1/cohorts", question, "engine", world.engine, 200).json()
    assert cohort["obligations"] == [{"id": "PUB", "properties": {}}]
    record = world.service.get(f"/v1/decisions/{cohort['id']}", "engine", world.engine)
    assert record["request"]["dataset"] == dataset
    replayed = world.service.get(f"/v1/decisions/{cohort['id']}/replay", "auditor", world.auditor)
    assert (replayed["same"], replayed["chain"]["same"]) == (True, True)
    asked = {
        "subject": {"type": "engine", "id": world.engine},
        "action": {"name": "differential-privacy"},
        "resource": {"type": "patient", "id": clinic[1]},
        "context": {"study": study, "categories": ["demographics"], "dataset": dataset},
    }
    verdict = world.service.post("/access/v1/evaluation", asked, "engine", world.engine, 200).json()
    assert verdict["decision"] is True
    assert verdict["context"]["obligations"] == [{"id": "PUB", "properties": {}}]


def test_only_a_dataset_of_the_patients_own_custodian_counts(world, clinic, dataset, ann):
    assert ask(world, ann[0])["outcome"] == "permit", "another custodian's terms do not limit her data"
    assert ask(world, ann[0], dataset=dataset)["reason"] == "dataset_of_another_custodian"
    assert ask(world, clinic[1], dataset=fresh_id())["reason"] == "dataset_unknown"


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({}, "exactly one"),
        ({"permission": "EVERYTHING"}, "EVERYTHING"),
        ({"permission": "GRU", "modifiers": {"NPU": "yes"}}, "modifiers.NPU"),
        ({"permission": "DS"}, "diseases"),
        ({"permission": "GRU", "more": 1}, "more"),
    ],
)
def test_terms_that_are_not_in_their_form_are_refused(world, unwritten, terms, words):
    answer = world.service.post("/v1/datasets", {"terms": terms}, "institution", world.institution)
    assert answer.status_code in {400, 422}
    assert words in answer.text


@pytest.mark.parametrize("purpose", [{"use": "general"}, {"diseases": []}, {"nonprofit": "yes"}, {"more": 1}])
def test_a_purpose_that_is_not_in_its_form_is_refused(world, unwritten, purpose):
    proposal = {
        "title": "x",
        "uses": ["biomedical"],
        "conditions": [],
        "required_terms": 1,
        "ethics": fresh_id(),
        "ethics_until": int(time.time()) + HOUR,
        "purpose": purpose,
    }
    answer = world.service.post("/v1/studies", proposal, "institution", world.institution)
    assert answer.status_code in {400, 422}
    assert "purpose" in answer.text


def test_only_the_custodian_changes_and_closes_its_dataset(world, clinic):
    service = world.service
    made = service.post("/v1/datasets", {"terms": {"permission": "NRES"}}, "institution", clinic[0], 200, **WAIT).json()
    path = f"/v1/datasets/{made['id']}"
    for role, caller in (("institution", world.institution), ("engine", world.engine), ("subject", clinic[1])):
        for end, body in (("terms", {"terms": {"permission": "NRES"}}), ("closure", {})):
            assert service.post(f"{path}/{end}", body, role, caller).status_code == 403
    body = {"terms": {"permission": "HMB"}}
    service.post(f"{path}/terms", body, "institution", clinic[0], 200, **WAIT)
    assert service.get(path, "auditor", world.auditor)["version"] == 2
    service.post(f"{path}/closure", {}, "institution", clinic[0], 200, **WAIT)
    assert service.get(path, "auditor", world.auditor)["state"] == "closed"
    assert service.post(f"{path}/closure", {}, "institution", clinic[0]).status_code == 409
    assert ask(world, clinic[1])["reason"] == "dataset_not_active"
