"""How things stood: a subject, a consent's versions and a decision, as of any block or time."""

import time

import pytest

from tests.support.service import WAIT, fresh_id


@pytest.fixture(scope="module")
def life(world):
    """A consent that was granted, narrowed and withdrawn; and the block of each step."""
    service = world.service
    ((ann, wallet),) = world.enrol(1)
    grant = world.consent(ann, wallet)
    blocks = []
    granted = service.post("/v1/consents", {"acts": [grant]}, "subject", ann, 200, **WAIT).json()
    blocks.append(granted["items"][0]["block"])
    unsigned = {"act": "consent"} | {name: value for name, value in grant.items() if name != "signature"}
    narrower = unsigned | {"version": 2, "scope": unsigned["scope"] | {"operations": ["aggregate-statistics"]}}
    narrowed = service.post("/v1/consents", {"acts": [world.signed(narrower, wallet)]}, "subject", ann, 200, **WAIT)
    blocks.append(narrowed.json()["items"][0]["block"])
    time.sleep(1.1)  # the next block has a later second
    body = {"acts": [world.withdrawal(ann, grant["id"], wallet)]}
    blocks.append(service.post("/v1/withdrawals", body, "subject", ann, 200, **WAIT).json()["items"][0]["block"])
    return ann, grant["id"], blocks


def test_a_consent_keeps_its_versions(world, life):
    ann, consent, (granted, narrowed, withdrawn) = life
    versions = world.service.get(f"/v1/subjects/{ann}/consents/{consent}", "subject", ann)["versions"]
    assert [(one["version"], one["state"]) for one in versions] == [(1, "active"), (2, "active"), (2, "withdrawn")]
    assert [(one["from"]["block"], one["until_block"]) for one in versions] == [
        (granted, narrowed),
        (narrowed, withdrawn),
        (withdrawn, None),
    ]
    assert versions[1]["scope"]["operations"] == ["aggregate-statistics"]
    unknown = world.service.http.get(
        f"/v1/subjects/{ann}/consents/{fresh_id()}", headers=world.service.as_("subject", ann)
    )
    assert unknown.status_code == 404


def test_a_subject_as_of_a_block_and_as_of_a_time(world, life):
    ann, _, (granted, narrowed, withdrawn) = life

    def then(**query):
        return world.service.http.get(f"/v1/subjects/{ann}", params=query, headers=world.service.as_("subject", ann))

    for block, expected in (
        (granted - 1, []),
        (granted, [(1, "active")]),
        (narrowed, [(2, "active")]),
        (withdrawn, [(2, "withdrawn")]),
    ):
        answer = then(block=block).json()
        assert [(one["version"], one["state"]) for one in answer["consents"]] == expected
        assert answer["as_of"]["block"]["number"] == block
        assert answer["signers"][0]["active"] is True
    at = then(block=narrowed).json()["as_of"]["at"]
    answer = then(at=at).json()
    assert [(one["version"], one["state"]) for one in answer["consents"]] == [(2, "active")]
    assert answer["as_of"]["at"] == at
    now = int(time.time())
    assert then(at=now).json()["consents"][0]["state"] == "withdrawn"
    assert then(at=now + 3600).status_code == 400
    assert then(at=1).status_code == 404
    assert then(block=withdrawn + 10_000).status_code == 503
    assert then(block=0).status_code == 404
    assert then(block=1, at=1).status_code == 400


def test_a_decision_as_of_a_block(world, life, unwritten):
    ann, consent, (granted, narrowed, withdrawn) = life
    question = world.question(subjects=[ann]) | {"record": False}
    for block, outcome, version in ((granted, "permit", 1), (narrowed, "deny", 0), (withdrawn, "deny", 0)):
        body = question | {"as_of": {"block": block}}
        answer = world.service.post("/v1/decisions", body, "engine", world.engine, 200).json()
        assert answer["block"]["number"] == block
        (decision,) = answer["decisions"]
        assert (decision["outcome"], decision["version"]) == (outcome, version)
        assert decision["consent"] == (consent if version else None)
    for broken in ({"as_of": {"block": granted}, "record": True}, {"as_of": {}}, {"as_of": {"block": 1, "at": 1}}):
        world.service.post("/v1/decisions", question | broken, "engine", world.engine, 400)
