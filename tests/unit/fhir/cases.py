"""Resources by hand, resources of others, and scopes in few words."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.domain.consent import Consent
from ledger.domain.policy import Request, Setting, decide
from ledger.domain.question import question_from_json
from ledger.domain.wording import scope_to_json
from ledger.fhir.documents import resources_in
from ledger.fhir.outcome import Severity

DATA = Path(os.environ.get("CONSENTRY_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data")
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ROLE = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
EVERYTHING = {
    "recipient": "any",
    "purposes": "any",
    "conditions": "any",
    "categories": "any",
    "operations": "any",
    "validity": (None, None),
    "data_window": (None, None),
}


def day(text):
    """The first second of a day, UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def resource_of_others(folder, name):
    """One resource of the test data; the test skips where they are absent."""
    path = DATA / folder / name
    if not path.exists():
        pytest.skip(f"no {folder} under {DATA}: set CONSENTRY_TEST_DATA to the folder that holds it")
    ((_, value),) = resources_in(path.read_bytes())
    return value


def pcf(name):
    path = DATA / "ihe-pcf" / "pcf-consents.json"
    if not path.exists():
        pytest.skip(f"no ihe-pcf under {DATA}: set CONSENTRY_TEST_DATA to the folder that holds it")
    return json.loads(path.read_text())["instances"][name]["resource"]


def refusals(reading):
    """The expressions at which a resource was refused."""
    return {issue.expression for issue in reading.issues if issue.severity is Severity.ERROR}


def short(scope):
    """A scope's words, without what is as wide as can be and without the text."""
    words = scope_to_json(scope)
    for name in ("validity", "data_window"):
        words[name] = (words[name]["from"] or None, words[name]["until"])
    return {name: value for name, value in words.items() if name != "terms" and EVERYTHING.get(name) != value}


def asked(at="2024-06-01", data=("2022-03-01", "2022-04-01"), study=None, **changes):
    """A question about a day, on data of some days."""
    return question_from_json(
        {
            "at": day(at),
            "operation": "differential-privacy",
            "categories": ["diagnoses"],
            "data_window": {"from": day(data[0]), "until": day(data[1])},
            "study": {"uses": ["biomedical"]} | (study or {}),
        }
        | changes
    )


def answer(reading, question):
    """What a resource's drafts alone answer."""
    consents = [
        Consent(bytes([9]) * 32, bytes([place + 1]) * 32, 1, draft.scope, 1, draft.scope.valid_until, state=draft.state)
        for place, draft in enumerate(reading.drafts)
    ]
    request, setting = question.request, question.setting
    assert isinstance(request, Request)
    assert isinstance(setting, Setting)
    return decide(request, setting, consents, question.at).reason.code


def r4(provision, **changes):
    """The plainest R4 Consent of scope research with a provision; None in ``changes`` leaves an element out."""
    resource = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/1"},
        "provision": provision,
    } | changes
    return {name: value for name, value in resource.items() if value is not None}


def r5(decision, *provisions, **changes):
    """The plainest R5 Consent."""
    resource = {
        "resourceType": "Consent",
        "status": "active",
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "subject": {"reference": "Patient/1"},
        "decision": decision,
        "provision": list(provisions) or None,
    } | changes
    return {name: value for name, value in resource.items() if value is not None}


def purpose(*codes):
    return [{"system": ACT_REASON, "code": code} for code in codes]


def concept(system, code):
    return {"coding": [{"system": system, "code": code}]}


def actor(reference, role="IRCP"):
    return {"role": concept(ROLE, role), "reference": {"reference": reference}}
