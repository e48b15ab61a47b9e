"""Consent receipts over HTTP: who gets them, and that the command line checks what the API gives out."""

import json

import httpx
import pytest

from ledger.cli.main import main
from tests.support.service import WAIT, fresh_id


@pytest.fixture(scope="module")
def consented(world):
    """A subject with a sealed consent: (subject, wallet, the consent's id)."""
    ((subject, wallet),) = world.enrol(1)
    act = world.consent(subject, wallet)
    world.service.post("/v1/consents", {"acts": [act]}, "subject", subject, 200, **WAIT)
    return subject, wallet, act["id"]


def address(subject, consent):
    return f"/v1/subjects/{subject}/consents/{consent}/receipt"


def verify(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["consentry", "verify", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capsys.readouterr()


def test_the_principal_the_custodian_and_an_auditor_get_it(world, consented):
    subject, _, consent = consented
    told = world.service.get(address(subject, consent), "subject", subject)
    assert told == world.service.get(address(subject, consent), "institution", world.institution)
    assert told == world.service.get(address(subject, consent), "auditor", world.auditor)
    receipt = told["receipt"]
    assert (receipt["pii_principal_id"], receipt["record_id"]) == (subject, consent)
    assert receipt["event"]["event_state"] == "sealed"
    world.service.get(address(subject, consent), "institution", fresh_id(), 404)
    world.service.get(address(subject, consent), "subject", fresh_id(), 404)
    world.service.get(address(subject, consent), "engine", world.engine, 403)
    world.service.get(address(subject, fresh_id()), "subject", subject, 404)


def test_an_act_has_a_receipt_at_once(world):
    ((subject, wallet),) = world.enrol(1)
    act = world.consent(subject, wallet)
    (item,) = world.service.post("/v1/consents", {"acts": [act]}, "subject", subject, 202).json()["items"]
    told = world.service.get(address(subject, act["id"]), "subject", subject, act=item["digest"])["receipt"]
    assert told["event"]["event_type"] == "grant"
    assert told["event"]["event_state"] in {"accepted", "sealed"}
    all_told = world.service.get(address(subject, act["id"]) + "s", "subject", subject)["receipts"]
    assert [one["receipt"]["event"]["digest"] for one in all_told] == [item["digest"]]


def test_the_patient_takes_it_along_from_the_page(world, consented):
    subject, _, consent = consented
    with httpx.Client(base_url=world.service.http.base_url, timeout=60) as client:
        assert client.get(f"/me/receipts/{consent}").status_code == 401
        client.get("/signin", params={"token": world.service.token("subject", subject)})
        assert f'href="/me/receipts/{consent}"' in client.get("/me").text
        kept = client.get(f"/me/receipts/{consent}")
        assert client.get(f"/me/receipts/{fresh_id()}").status_code == 404
    assert kept.headers["Content-Disposition"].startswith('attachment; filename="receipt-grant-')
    assert kept.json() == world.service.get(address(subject, consent), "subject", subject)


def test_the_command_line_checks_it_offline(world, consented, tmp_path, monkeypatch, capsys):
    subject, _, consent = consented
    told = world.service.get(address(subject, consent), "subject", subject)
    keys, file = tmp_path / "jwks.json", tmp_path / "receipt.json"
    keys.write_text(world.service.http.get("/.well-known/jwks.json").text)
    file.write_text(json.dumps(told, indent=2))
    block = told["receipt"]["chain"]["block"]["hash"]
    code, output = verify(monkeypatch, capsys, file, "--jwks", keys, "--block", block)
    assert code == 0, output
    assert "It holds." in output.out
    code, output = verify(monkeypatch, capsys, file, "--json")
    assert code == 3
    checks = {check["name"]: check["status"] for check in json.loads(output.out)["checks"]}
    assert checks == {"form": "pass", "signature": "could not check", "event": "pass", "block": "could not check"}
    told["receipt"]["event"]["version"] = 2
    file.write_text(json.dumps(told))
    code, output = verify(monkeypatch, capsys, file, "--jwks", keys, "--block", block)
    assert code == 1, output
    keys.write_text("not JSON")
    assert verify(monkeypatch, capsys, file, "--jwks", keys)[0] == 2
