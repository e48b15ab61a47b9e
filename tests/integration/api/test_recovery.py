"""Recovering a lost key over HTTP, on a ledger where signers have two seconds to object."""

import time

import httpx
import pytest

from tests.support.service import HOUR, WAIT, Service, Wallet, build_world, fresh_id

PATIENCE = 60
"""Seconds that a wait may take on a busy machine; what is waited for ends it."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    running = Service(tmp_path_factory.mktemp("home"), recovery_delay=2)
    yield build_world(running)
    running.close()


def propose(world, subject, wallet, status=200, **changes):
    body = {"new_signer": wallet.signer, "form": fresh_id()} | changes
    path = f"/v1/subjects/{subject}/recovery"
    return world.service.post(path, body, "institution", world.institution, status, **WAIT).json()


def recovery(world, subject):
    return world.service.get(f"/v1/subjects/{subject}", "subject", subject)["recovery"]


def complete(world, subject, status):
    return world.service.post(
        f"/v1/subjects/{subject}/recovery/completion", {}, "institution", world.institution, status, **WAIT
    ).json()


def test_a_lost_key_is_recovered(world):
    ((subject, _),) = world.enrol(1)
    assert recovery(world, subject) is None
    new = Wallet()
    made = propose(world, subject, new)
    shown = recovery(world, subject)
    assert (shown["id"], shown["new_signer"], shown["capacity"]) == (made["id"], new.signer, "self")
    assert shown["custodian"] == world.institution
    with httpx.Client(base_url=world.service.http.base_url, timeout=PATIENCE) as page:
        assert page.get("/signin", params={"token": world.service.token("subject", subject)}).status_code == 200
        assert "asked to give you a new key" in page.get("/me").text
    refused = world.service.post("/v1/consents", {"acts": [world.consent(subject, new)]}, "subject", subject)
    assert refused.status_code in {400, 422}
    end = time.monotonic() + PATIENCE
    while recovery(world, subject)["state"] != "ready":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert [item["state"] for item in complete(world, subject, 200)["items"]] == ["sealed"]
    assert recovery(world, subject)["state"] == "completed"
    signers = world.service.get(f"/v1/subjects/{subject}", "subject", subject)["signers"]
    assert {one["signer"] for one in signers if one["active"]} >= {new.signer}
    assert len(signers) == 2
    done = world.service.post("/v1/consents", {"acts": [world.consent(subject, new)]}, "subject", subject, 200, **WAIT)
    assert [item["state"] for item in done.json()["items"]] == ["sealed"]
    assert complete(world, subject, 404)["status"] == 404


def test_the_old_key_ends_a_recovery(world):
    ((subject, old),) = world.enrol(1)
    made = propose(world, subject, Wallet())
    act = {"act": "recovery-objection", "subject": subject, "id": made["id"], "signer": old.signer}
    signed = world.signed(act, old)
    done = world.service.post("/v1/recoveries/objections", signed, "subject", subject, 200, **WAIT).json()
    assert [item["state"] for item in done["items"]] == ["sealed"]
    assert recovery(world, subject)["state"] == "objected"
    assert complete(world, subject, 404)["status"] == 404


def test_only_the_custodian_proposes_and_strangers_see_nothing(world):
    ((subject, _),) = world.enrol(1)
    path = f"/v1/subjects/{subject}/recovery"
    body = {"new_signer": Wallet().signer, "form": fresh_id()}
    service = world.service
    other = service.post("/v1/institutions", {"name": "Clinic"}, "steward", world.steward, 200, **WAIT).json()["id"]
    assert service.post(path, body, "institution", other).status_code == 403
    assert service.post(path, body, "subject", subject).status_code == 403
    assert service.post(f"{path}/completion", {}, "institution", other).status_code == 404
    late = body | {"deadline": int(time.time()) - HOUR, "id": fresh_id(), "signature": "0x" + "11" * 65}
    assert service.post(path, late, "institution", world.institution).status_code in {400, 422}
    assert recovery(world, subject) is None
