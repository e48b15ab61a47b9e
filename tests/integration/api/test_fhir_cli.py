"""``consentry fhir`` against a running ledger: acts to sign, a paper form recorded by staff, and consents out again."""

import json

import pytest

from ledger.fhir.read import form_of, read
from tests.support.command import run
from tests.support.service import HOUR, WAIT, Wallet, fresh_id
from tests.unit.fhir.cases import purpose, r4

RESOURCE = r4({"type": "permit", "purpose": purpose("HRESCH"), "provision": [{"type": "deny", "dataPeriod": {
    "start": "2020", "end": "2021"}}]})  # fmt: skip


@pytest.fixture
def command(world, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CONSENTRY_URL", str(world.service.http.base_url))
    monkeypatch.setenv("CONSENTRY_HOME", str(world.service.settings.home))
    (tmp_path / "form.json").write_text(json.dumps(RESOURCE))

    def fhir(*arguments):
        return run(monkeypatch, capsys, "fhir", *arguments)

    fhir.form = tmp_path / "form.json"
    fhir.key = tmp_path / "staff.key"
    return fhir


def staffed(world):
    """A subject with a staff signer beside its own: (subject, the staff's wallet)."""
    ((subject, wallet),) = world.enrol(1)
    staff = Wallet()
    addition = {
        "act": "signer-addition",
        "subject": subject,
        "id": fresh_id(),
        "new_signer": staff.signer,
        "capacity": "staff",
        "form": fresh_id(),
        "deadline": world.consent(subject, wallet)["deadline"] + HOUR,
        "signer": wallet.signer,
    }
    body = {"additions": [world.signed(addition, wallet)]}
    world.service.post("/v1/signers", body, "subject", subject, 200, **WAIT)
    return subject, staff


def test_staff_record_a_paper_form(world, command):
    subject, staff = staffed(world)
    command.key.write_text(staff.key.secret.hex() + "\n")
    token = world.service.token("institution", world.institution)
    code, out, err = command(
        "import", command.form, "--subject", subject, "--staff-key", command.key, "--terms", world.terms,
        "--token", token, "--json",
    )  # fmt: skip
    assert code == 0, err
    items = json.loads(out)["items"]
    assert [item["state"] for item in items] == ["sealed", "sealed"]

    # The chain holds the hash of the resource as the paper form, and the consents decide as it says.
    digest = bytes.fromhex(items[0]["digest"][2:])
    assert world.service.ledger.context.outbox.item(digest).act.form == form_of(RESOURCE)
    window = {"from": 1_700_000_000, "until": 1_700_000_001}
    for data, outcome in ((window, "permit"), ({"from": 1_600_000_000, "until": 1_600_000_001}, "deny")):
        question = world.question(subjects=[subject], data_window=data)
        (decided,) = world.service.post("/v1/decisions", question, "engine", world.engine, 200).json()["decisions"]
        assert decided["outcome"] == outcome

    # What comes out again are the same consents.
    for release in ("4.0", "5.0"):
        code, out, err = command("export", "--subject", subject, "--fhir", release)
        assert code == 0, err
        held = [read(entry["resource"]).drafts[0].native for entry in json.loads(out)["entry"]]
        seen = world.service.get(f"/v1/subjects/{subject}", "subject", subject)["consents"]
        assert ["0x" + one.id.hex() for one in held] == [one["id"] for one in seen]
        assert {one.capacity.name for one in held} == {"STAFF"}


def test_acts_to_sign_elsewhere(world, command):
    ((subject, wallet),) = world.enrol(1)
    token = world.service.token("subject", subject)
    code, out, err = command(
        "import", command.form, "--subject", f"Patient/1={subject}", "--signer", wallet.signer, "--terms", world.terms,
        "--token", token, "--json",
    )  # fmt: skip
    assert code == 0, err
    acts = json.loads(out)["acts"]
    for one in acts:
        described = world.service.post("/v1/typed-data", one["act"], "subject", subject, 200).json()
        assert described["digest"] == one["digest"]
    bodies = [
        {name: value for name, value in one["act"].items() if name != "act"} | {"signature": wallet.sign(one["digest"])}
        for one in acts
    ]
    world.service.post("/v1/consents", {"acts": bodies}, "subject", subject, 200, **WAIT)
    assert len(world.service.get(f"/v1/subjects/{subject}", "subject", subject)["consents"]) == 2


def test_a_key_that_may_not_sign_records_nothing(world, command, unwritten):
    subject = fresh_id()
    command.key.write_text("11" * 32)
    token = world.service.token("institution", world.institution)
    arguments = ("import", command.form, "--subject", subject, "--staff-key", command.key, "--token", token)
    code, _, err = command(*arguments, "--terms", world.terms)
    assert (code, "not enrolled" in err) == (1, True), err
    code, _, err = command(*arguments)
    assert (code, "--terms" in err) == (2, True), err
    command.key.write_text("no key")
    code, _, err = command(*arguments, "--terms", world.terms)
    assert (code, "does not hold a key" in err) == (2, True), err


def test_nobody_to_export(world, command):
    code, _, err = command("export", "--subject", fresh_id())
    assert (code, "not enrolled" in err) == (1, True), err
