"""Models after a withdrawal: which were made from the data, which from those models, and which one is still clean."""

import json
import sys

import pytest
from rich.console import Console

from ledger.cli.main import main
from tests.support.service import WAIT, Service, build_world, fresh_id


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world of its own: somebody withdraws in it."""
    service = Service(tmp_path_factory.mktemp("home"))
    yield build_world(service)
    service.close()


@pytest.fixture(scope="module")
def models(world):
    """Bob's data make a base; base and Ann's data a second; the second a third. Then Ann withdraws."""
    service = world.service
    (ann, wallet), (bob, other) = world.enrol(2)
    consent = world.consent(ann, wallet)
    service.post("/v1/consents", {"acts": [consent]}, "subject", ann, 200, **WAIT)
    service.post("/v1/consents", {"acts": [world.consent(bob, other)]}, "subject", bob, 200, **WAIT)
    hashes = {name: fresh_id() for name in ("base", "second", "third", "apart")}
    leaves = {}
    for name, subject, parent in (
        ("base", bob, None),
        ("second", ann, "base"),
        ("third", bob, "second"),
        ("apart", bob, "base"),
    ):
        decision = service.post("/v1/cohorts", world.question(subjects=[subject]), "engine", world.engine, 200).json()
        facts = {
            "run": fresh_id(),
            "inputs": [{"commitment": fresh_id(), "rows": "under 11"}],
            "outputs": [{"name": name, "sha256": hashes[name]}],
            "parents": [hashes[parent]] if parent else [],
        }
        entry = {"kind": "computation.completed", "study": world.study, "decision": decision["id"], "facts": facts}
        key = {"Idempotency-Key": fresh_id()}
        made = service.post("/v1/entries", {"entries": [entry]}, "engine", world.engine, 200, **key).json()
        leaves[name] = made["entries"][0]["leaf"]
    before = service.get(f"/v1/subjects/{ann}/tainted", "auditor", world.auditor)
    assert (before["withdrawn"], before["tainted"]) == ([], []), "nothing is withdrawn yet"
    act = world.withdrawal(ann, consent["id"], wallet)
    service.post("/v1/withdrawals", {"acts": [act]}, "subject", ann, 200, **WAIT)
    return ann, bob, consent["id"], hashes, leaves


def tainted(world, subject, role="auditor", sub=None, **params):
    return world.service.get(f"/v1/subjects/{subject}/tainted", role, sub or world.auditor, **params)


def test_what_was_made_from_withdrawn_data_is_found_with_where_to_go_back_to(world, models):
    ann, bob, consent, _, leaves = models
    found = tainted(world, ann)
    assert [(one["step"]["leaf"], one["distance"]) for one in found["tainted"]] == [
        (leaves["second"], 0),
        (leaves["third"], 1),
    ]
    assert [one["clean"] for one in found["tainted"]] == [[leaves["base"]], [leaves["base"]]]
    assert found["withdrawn"] == [consent]
    assert len(found["decisions"]) == 1
    assert tainted(world, ann, consent=consent) == found
    assert tainted(world, bob)["tainted"] == []
    assert tainted(world, ann, "subject", ann) == found
    assert tainted(world, ann, "institution", world.institution) == found


def test_taint_is_told_to_whom_it_concerns(world, models):
    ann, bob, consent, _, _ = models
    service = world.service
    for role, sub, status in (
        ("subject", bob, 404),
        ("institution", fresh_id(), 404),
        ("engine", world.engine, 403),
    ):
        service.get(f"/v1/subjects/{ann}/tainted", role, sub, status)
    service.get(f"/v1/subjects/{bob}/tainted", "auditor", world.auditor, 404, consent=consent)


def test_lineage_is_found_by_output_and_by_leaf(world, models):
    _, _, _, hashes, leaves = models
    service = world.service
    for name in (hashes["second"], leaves["second"]):
        (found,) = service.get(f"/v1/lineage/{name}", "auditor", world.auditor)["found"]
        assert [step["leaf"] for step in found["ancestors"]] == [leaves["base"]]
        assert [step["leaf"] for step in found["descendants"]] == [leaves["third"]]
    service.get(f"/v1/lineage/{hashes['base']}", "institution", world.institution)
    service.get(f"/v1/lineage/{hashes['base']}", "institution", fresh_id(), 404)
    service.get(f"/v1/lineage/{fresh_id()}", "auditor", world.auditor, 404)


def test_the_commands_say_the_same(world, models, monkeypatch, capsys):
    ann, bob, consent, hashes, leaves = models
    monkeypatch.setenv("CONSENTRY_HOME", str(world.service.settings.home))
    wide = Console(width=300)  # the command's own took its width when it was first imported, by whichever test
    monkeypatch.setattr("ledger.cli.lineage.out", wide)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["consentry", "lineage", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, capsys.readouterr().out

    for whose in (("--subject", ann), ("--consent", consent)):
        code, printed = run("tainted", *whose, "--json")
        assert code == 1
        assert json.loads(printed)["tainted"] == tainted(world, ann)["tainted"]
    code, printed = run("tainted", "--subject", ann)
    assert (code, leaves["third"] in printed) == (1, True)
    assert run("tainted", "--subject", bob)[0] == 0
    assert run("tainted")[0] == 2
    assert run("tainted", "--consent", fresh_id())[0] == 1
    code, printed = run("show", hashes["third"], "--json")
    assert [step["leaf"] for step in json.loads(printed)["ancestors"]] == [leaves["base"], leaves["second"]]
    code, printed = run("show", leaves["base"])
    assert (code, hashes["apart"] in printed) == (0, True)
    assert run("show", fresh_id())[0] == 1
