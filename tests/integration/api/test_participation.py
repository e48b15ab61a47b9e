"""A patient's proof that their data were, or were not, in a computation, checked on another machine."""

import json
import sys

import pytest

from ledger.cli.main import main
from ledger.errors import ProofInvalid
from ledger.transparency.note import VerifierKey
from ledger.verify.participation import verify_participation
from ledger.verify.report import Status
from tests.support.service import WAIT, Service, build_world, fresh_id


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world of its own: somebody is erased in it."""
    service = Service(tmp_path_factory.mktemp("home"))
    yield build_world(service)
    service.close()


@pytest.fixture(scope="module")
def computed(world):
    """Ann and Cy permit, Bob does not, Dan is not asked about; one computation with a second decision on Ann alone."""
    service = world.service
    people = world.enrol(4)
    (ann, wallet), (bob, _), (cy, other), (dan, _) = people
    acts = [world.consent(ann, wallet), world.consent(cy, other)]
    for act in acts:
        service.post("/v1/consents", {"acts": [act]}, "subject", act["subject"], 200, **WAIT)

    def ask(*subjects):
        body = world.question(subjects=list(subjects))
        return service.post("/v1/cohorts", body, "engine", world.engine, 200).json()["id"]

    first, second = ask(ann, bob, cy), ask(ann, cy)
    facts = {"run": "r", "inputs": [], "outputs": [{"name": "m", "sha256": fresh_id()}], "rechecks": [second]}
    entry = {"kind": "computation.completed", "study": world.study, "decision": first, "facts": facts}
    made = service.post(
        "/v1/entries", {"entries": [entry]}, "engine", world.engine, 200, **{"Idempotency-Key": fresh_id()}
    ).json()["entries"][0]
    return {"ann": ann, "bob": bob, "cy": cy, "dan": dan}, made["index"]


def address(world, subject, index):
    return f"/v1/subjects/{subject}/computations/{world.institution}/{index}/proof"


def proof(world, computed, name):
    people, index = computed
    return world.service.get(address(world, people[name], index), "subject", people[name])


@pytest.fixture(scope="module")
def key(world):
    return world.service.get(f"/v1/logs/{world.institution}", "auditor", world.auditor)["key"]


@pytest.fixture(scope="module")
def jwks(world):
    return world.service.http.get("/.well-known/jwks.json").json()


def checked(document, key, jwks=None):
    return verify_participation(json.dumps(document).encode(), [VerifierKey.parse(key)], jwks)


@pytest.mark.parametrize(
    ("name", "found"),
    [("ann", ["in the cohort", "in the cohort"]), ("cy", ["in the cohort", "in the cohort"])],
)
def test_who_was_in_can_prove_it(world, computed, key, name, found):
    report = checked(proof(world, computed, name), key)
    assert report.verdict is Status.PASS
    assert [part.partition("was ")[2] for part in report.check("rows").detail.split("; ")] == found


def test_who_was_refused_can_prove_that_and_an_absence_is_stated_and_not_proved(world, computed, key, jwks):
    document = proof(world, computed, "bob")
    report = checked(document, key, jwks)
    assert report.verdict is Status.UNCHECKED, "the second decision did not consider Bob"
    assert "refused, not in it" in report.check("rows").detail
    document = proof(world, computed, "dan")
    assert [one["row"] for one in document["decisions"]] == [None, None]
    report = checked(document, key, jwks)
    assert (report.verdict, report.check("decisions").status) == (Status.UNCHECKED, Status.PASS)
    assert "not considered" in report.check("rows").detail
    document["subject"] = computed[0]["ann"]
    assert checked(document, key, jwks).check("rows").status is Status.FAIL, "a statement about somebody else"


def test_nobody_else_is_named(world, computed):
    people, _ = computed
    for name in people:
        text = json.dumps(proof(world, computed, name))
        assert {other for other in people if people[other] in text} == {name}


def test_every_changed_part_is_found(world, computed, key):
    honest = json.dumps(proof(world, computed, "ann"))

    def changed(change):
        document = json.loads(honest)
        change(document)
        return checked(document, key)

    def flip(row):
        row["permitted"] = not row["permitted"]

    first = lambda document: document["decisions"][0]  # noqa: E731
    for place, change in {
        "rows": lambda document: flip(first(document)["row"]),
        "rows ": lambda document: document.update(subject=computed[0]["bob"]),
        "rows  ": lambda document: first(document)["row"]["path"].pop(),
        "rows   ": lambda document: first(document).update(row=None),
        "decisions": lambda document: document["decisions"].pop(),
        "decisions ": lambda document: document["decisions"].reverse(),
        "decisions  ": lambda document: first(document)["entry"]["document"]["facts"].update(permitted=99),
        "computation": lambda document: document["computation"]["document"].update(time=1),
        "computation ": lambda document: document["computation"].update(first(document)["entry"]),
        "computation  ": lambda document: document["computation"]["document"].update(index=1.5),
        "head": lambda document: document.update(checkpoint=document["checkpoint"].replace("consentry/", "other/")),
    }.items():
        report = changed(change)
        assert report.check(place.strip()).status is Status.FAIL, (place, report)
    for wrong in ({"format": "consentry.participation/2"}, {"more": 1}):
        with pytest.raises(ProofInvalid):
            changed(lambda document, wrong=wrong: document.update(wrong))
    assert verify_participation(honest.encode(), []).verdict is Status.UNCHECKED


def test_the_command_checks_it(world, computed, key, jwks, tmp_path, monkeypatch, capsys):
    file, keys = tmp_path / "proof.json", tmp_path / "jwks.json"
    keys.write_text(json.dumps(jwks))

    def run(document, *arguments, indent=None):
        file.write_text(json.dumps(document, indent=indent))
        monkeypatch.setattr(sys, "argv", ["consentry", "verify", str(file), *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, capsys.readouterr().out

    ann, dan = (proof(world, computed, name) for name in ("ann", "dan"))
    assert run(ann, "--log-key", key)[0] == 0
    assert run(ann, "--log-key", key, indent=2)[0] == 0
    assert run(ann)[0] == 3
    assert run(dan, "--log-key", key, "--jwks", str(keys))[0] == 3
    ann["decisions"][0]["row"]["salt"] = "0x" + "00" * 16
    assert run(ann, "--log-key", key)[0] == 1


def test_it_is_given_to_whom_it_concerns(world, computed):
    people, index = computed
    service = world.service
    path = address(world, people["ann"], index)
    for role, sub, status in (
        ("institution", world.institution, 200),
        ("auditor", world.auditor, 200),
        ("subject", people["bob"], 404),
        ("institution", fresh_id(), 404),
        ("engine", world.engine, 403),
    ):
        service.get(path, role, sub, status)
    for wrong in (0, 999):  # a decision; nothing
        service.get(address(world, people["ann"], wrong), "subject", people["ann"], 404)


def test_after_an_erasure_nothing_is_said_and_the_others_proofs_hold(world, computed, key):
    people, index = computed
    before = {name: proof(world, computed, name) for name in ("ann", "cy")}
    path = f"/v1/subjects/{people['cy']}/personal-data"
    erased = world.service.http.delete(path, headers=world.service.as_("institution", world.institution))
    assert erased.status_code == 200, erased.text
    refused = world.service.get(address(world, people["cy"], index), "auditor", world.auditor, 404)
    assert "erased" in refused["detail"]
    for document in (*before.values(), proof(world, computed, "ann")):
        assert checked(document, key).verdict is Status.PASS, "what was given out before holds for ever"
