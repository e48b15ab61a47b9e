"""A cohort of some size is committed to over a register: who was in it, and who was not asked about, can prove that."""

import io
import json
import sys

import pytest

from ledger.cli.main import main
from ledger.export.bundle import export_bundle
from ledger.services.registers import LEAST
from ledger.transparency.note import VerifierKey
from ledger.verify.checks import verify_bundle
from ledger.verify.participation import verify_participation
from ledger.verify.report import Status
from tests.support.forging import unpack
from tests.support.service import WAIT, Service, build_world, fresh_id


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("home"))
    yield build_world(service)
    service.close()


@pytest.fixture(scope="module")
def people(world):
    """Ann permits; Bob and others do not; Dan is not asked about."""
    (ann, wallet), (bob, _), (dan, _), *others = world.enrol(LEAST + 1)
    act = world.consent(ann, wallet)
    world.service.post("/v1/consents", {"acts": [act]}, "subject", act["subject"], 200, **WAIT)
    return {"ann": ann, "bob": bob, "dan": dan, "others": [one for one, _ in others]}


def computed(world, subjects):
    """The index of a computation on a cohort of these."""
    service = world.service
    decision = service.post("/v1/cohorts", world.question(subjects=subjects), "engine", world.engine, 200).json()["id"]
    facts = {"run": "r", "inputs": [], "outputs": [{"name": "m", "sha256": fresh_id()}]}
    entry = {"kind": "computation.completed", "study": world.study, "decision": decision, "facts": facts}
    made = service.post(
        "/v1/entries", {"entries": [entry]}, "engine", world.engine, 200, **{"Idempotency-Key": fresh_id()}
    ).json()["entries"][0]
    return made["index"]


@pytest.fixture(scope="module")
def index(world, people):
    return computed(world, [people["ann"], people["bob"], *people["others"]])


def proof(world, subject, index):
    path = f"/v1/subjects/{subject}/computations/{world.institution}/{index}/proof"
    return world.service.get(path, "subject", subject)


@pytest.fixture(scope="module")
def key(world):
    return world.service.get(f"/v1/logs/{world.institution}", "auditor", world.auditor)["key"]


def checked(document, key):
    return verify_participation(json.dumps(document).encode(), [VerifierKey.parse(key)])


@pytest.mark.parametrize(
    ("name", "said"), [("ann", "in the cohort"), ("bob", "refused, not in it"), ("dan", "not asked about, not in it")]
)
def test_everybody_proves_what_was_decided_on_them_and_nobody_else_is_named(world, people, index, key, name, said):
    document = proof(world, people[name], index)
    report = checked(document, key)
    assert report.verdict is Status.PASS
    assert report.check("rows").detail.endswith(said)
    text = json.dumps(document)
    named = [one for one in (people["ann"], people["bob"], people["dan"], *people["others"]) if one in text]
    assert named == [people[name]]


def test_a_page_says_no_more_than_the_counts_of_its_entry(world, people, index):
    (one,) = proof(world, people["dan"], index)["decisions"]
    facts = one["entry"]["document"]["facts"]
    counts = [int(one["page"][name], 16).bit_count() for name in ("considered", "permitted")]
    assert counts == [facts["considered"], facts["permitted"]]
    assert (one["row"], one["absence"]) == (None, None)


@pytest.mark.parametrize("name", ["ann", "bob", "dan"])
def test_every_changed_part_is_found(world, people, index, key, name):
    honest = json.dumps(proof(world, people[name], index))

    def turned(page, bits):
        place = 1 << (4095 - page["row"])
        page[bits] = f"0x{int(page[bits], 16) ^ place:01024x}"

    def moved(page):
        page["row"] ^= 1

    changes = [
        lambda page: turned(page, "considered"),
        lambda page: turned(page, "permitted"),
        moved,
        lambda page: page.update(rows=page["rows"] - 1),
        lambda page: page.update(row_salt="0x" + "00" * 16),
        lambda page: page.update(page_salt="0x" + "00" * 16),
        lambda page: page.update(page=1),
        lambda page: page["row_path"].pop(),
        lambda page: page["path"].append("0x" + "00" * 32),
    ]
    for number, change in enumerate(changes):
        document = json.loads(honest)
        change(document["decisions"][0]["page"])
        assert checked(document, key).check("rows").status is Status.FAIL, number
    stranger = json.loads(honest) | {"subject": people["others"][0]}
    assert checked(stranger, key).check("rows").status is Status.FAIL
    if name != "dan":
        hidden = json.loads(honest)
        hidden["decisions"][0]["row"] = None
        assert checked(hidden, key).check("rows").status is Status.FAIL, "asked about, and the row withheld"


def test_a_page_of_another_cohort_proves_nothing_here(world, people, index, key):
    other = computed(world, [people["ann"], people["dan"], *people["others"]])
    document, wrong = proof(world, people["bob"], other), proof(world, people["dan"], index)
    assert checked(document, key).check("rows").detail.endswith("not asked about, not in it")
    document["decisions"][0]["page"] = wrong["decisions"][0]["page"]
    assert checked(document, key).check("rows").status is Status.FAIL


def test_who_was_enrolled_since_gets_a_statement_and_the_earlier_keep_their_proofs(world, people, index, key):
    before = proof(world, people["dan"], index)
    ((late, _),) = world.enrol(1)
    (said,) = proof(world, late, index)["decisions"]
    assert "page" not in said
    assert said["absence"]
    again = computed(world, [people["ann"], people["bob"], *people["others"]])  # the register is made anew for it
    assert checked(proof(world, late, again), key).verdict is Status.PASS
    world.service.ledger.context.registers._past = None  # as after a restart: made again from the mirror
    assert proof(world, people["dan"], index)["decisions"][0]["page"] == before["decisions"][0]["page"]


def test_a_bundle_with_the_commitment_over_a_register_holds(world, people, index):
    world.service.ledger.catch_up()
    out = io.BytesIO()
    export_bundle(world.service.ledger.context, bytes.fromhex(world.institution[2:]), out, with_members=True)
    assert b'"register":{' in unpack(out.getvalue())["entries.ndjson"]
    assert verify_bundle(io.BytesIO(out.getvalue())).check("cohorts").status is Status.PASS


def test_a_small_cohort_is_not_committed_to_over_a_register(world, people):
    small = computed(world, [people["ann"], *people["others"][: LEAST - 2]])
    (one,) = proof(world, people["bob"], small)["decisions"]
    assert "register" not in one["entry"]["document"]["facts"]
    assert one["absence"]


def test_the_command_checks_them(world, people, index, key, tmp_path, monkeypatch, capsys):
    file = tmp_path / "proof.json"
    for name, code in (("ann", 0), ("dan", 0), ("forged", 1)):
        document = proof(world, people["dan" if name == "forged" else name], index)
        if name == "forged":
            document["decisions"][0]["page"]["permitted"] = document["decisions"][0]["page"]["considered"]
        file.write_text(json.dumps(document))
        monkeypatch.setattr(sys, "argv", ["consentry", "verify", str(file), "--log-key", key])
        with pytest.raises(SystemExit) as end:
            main()
        assert (end.value.code or 0) == code, capsys.readouterr().out
