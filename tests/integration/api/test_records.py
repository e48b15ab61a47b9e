"""Every kind of entry has a writer, a form that can be fetched, and a reader who can tell it."""

import jsonschema_rs
import pytest

from ledger.domain.audit import BY_ENGINES, Kind
from ledger.domain.entry_facts import check_facts, schema_of
from ledger.services.registers import LEAST
from tests.support.command import run
from tests.support.problems import problem
from tests.support.service import fresh_id

HASH = "0x" + "5a" * 32


def key():
    return {"Idempotency-Key": fresh_id().ljust(128, "x")}  # as long as one may be


@pytest.fixture(scope="module")
def refused(world, ann):
    """A recorded decision on Ann, who permits, and on another who was never asked."""
    ((bob, _),) = world.enrol(1)
    question = world.question(subjects=[ann[0], bob])
    return bob, world.service.post("/v1/cohorts", question, "engine", world.engine, 200).json()["id"]


def entry(world, made):
    path = f"/v1/logs/{world.institution}/entries/{made['index']}"
    return world.service.get(path, "auditor", world.auditor)["document"]


def override(decision, **changes):
    return {"decision": decision, "reason": "BTG", "justification": HASH, **changes}


def test_an_institution_writes_down_that_it_went_on_against_a_decision(world, refused):
    bob, decision = refused
    path, once = f"/v1/logs/{world.institution}/overrides", key()
    made = world.service.post(path, override(decision), "institution", world.institution, 201, **once).json()
    document = entry(world, made)
    assert (document["kind"], document["actor"]) == ("override", f"institution:{world.institution}")
    assert (document["decision"], document["study"], document["engine"]) == (decision, world.study, world.engine)
    assert document["facts"] == {"reason": "BTG", "justification": HASH, "refused": 1}
    again = world.service.post(path, override(decision), "institution", world.institution, 201, **once).json()
    assert again == made
    asked = world.service.post("/v1/decisions", world.question(subjects=[bob]), "engine", world.engine, 200).json()
    assert asked["permitted"] == 0, "it permits nothing"


def test_an_override_is_for_institutions_of_their_own_log_and_for_refusals(world, ann, refused, unwritten):
    service, path = world.service, f"/v1/logs/{world.institution}/overrides"
    for role in ("engine", "auditor", "subject"):
        problem(service.post(path, override(refused[1]), role, fresh_id(), **key()), 403, "forbidden", "override:write")
    other = fresh_id()
    problem(service.post(path, override(refused[1]), "institution", other, **key()), 404, "not-found")
    wrong = override(fresh_id())
    problem(service.post(path, wrong, "institution", world.institution, **key()), 404, "not-found", "no decision")
    wrong = override(refused[1], reason="CURIOSITY")
    problem(service.post(path, wrong, "institution", world.institution, **key()), 400, "invalid-input")


def test_where_nobody_was_refused_there_is_nothing_to_override(world, ann):
    question = world.question(subjects=[ann[0]])
    decision = world.service.post("/v1/cohorts", question, "engine", world.engine, 200).json()["id"]
    path = f"/v1/logs/{world.institution}/overrides"
    answer = world.service.post(path, override(decision), "institution", world.institution, **key())
    problem(answer, 409, "wrong-state", "nothing to override")


def test_an_auditor_writes_down_what_a_check_found(world):
    path = f"/v1/logs/{world.institution}/verifications"
    found = {"check": "bundle", "outcome": "fails", "size": 3, "root": HASH, "block": HASH, "failing": ["tree"]}
    made = world.service.post(path, found, "auditor", world.auditor, 201, **key()).json()
    document = entry(world, made)
    assert (document["kind"], document["actor"]) == ("verification", f"auditor:{world.auditor}")
    assert document["facts"] == {**found, "findings": []}
    problem(world.service.post(path, found, "engine", world.engine, **key()), 403, "forbidden", "verification:write")
    problem(world.service.post(path, found, "institution", fresh_id(), **key()), 404, "not-found")
    wrong = found | {"check": "horoscope"}
    problem(world.service.post(path, wrong, "auditor", world.auditor, **key()), 400, "invalid-input")


def test_an_engine_reserves_budget(world):
    facts = {"dataset": "registry", "rho": "0.125", "run": "r1"}
    body = {"entries": [{"kind": "budget.reserved", "study": world.study, "facts": facts}]}
    made = world.service.post("/v1/entries", body, "engine", world.engine, 200, **key()).json()
    assert entry(world, made["entries"][0])["facts"] == facts
    body["entries"][0]["facts"] = {"dataset": "registry"}
    problem(world.service.post("/v1/entries", body, "engine", world.engine, **key()), 400, "invalid-input", "rho")


def test_lineage_of_another_form_is_refused_and_nothing_is_written(world, unwritten):
    for facts in ({"outputs": [{"name": "x", "sha256": "12"}]}, {"run": 7}, {"parents": ["x"]}):
        body = {"entries": [{"kind": "computation.completed", "study": world.study, "facts": facts}]}
        answer = world.service.post("/v1/entries", body, "engine", world.engine, **key())
        problem(answer, 400, "invalid-input", "computation.completed")
    for kind in set(Kind) - BY_ENGINES:
        body = {"entries": [{"kind": kind.value, "study": world.study}]}
        answer = world.service.post("/v1/entries", body, "engine", world.engine, **key())
        problem(answer, 403, "forbidden", "by the service itself")


def test_the_form_of_every_kind_can_be_fetched(world):
    for kind in Kind:
        answer = world.service.get(f"/v1/entry-schemas/{kind.value}", "engine", world.engine)
        assert answer["schema"]["properties"]["kind"] == {"const": kind.value}
    headers = world.service.as_("engine", world.engine)
    answer = world.service.http.get("/v1/entry-schemas/imagined", headers=headers)
    problem(answer, 400, "unknown-code")


def test_fsck_writes_down_what_it_found(world, monkeypatch, capsys):
    settings = world.service.settings
    monkeypatch.setenv("CONSENTRY_HOME", str(settings.home))
    code, out, _ = run(monkeypatch, capsys, "audit", "fsck", world.institution, "--record")
    assert code == 0
    made = {"index": int(out.rstrip().rpartition(" ")[2])}
    document = entry(world, made)
    assert (document["kind"], document["actor"]) == ("verification", "service")
    facts = document["facts"]
    assert (facts["check"], facts["outcome"], facts["findings"]) == ("fsck", "holds", [])
    assert facts["size"] == made["index"]
    code, out, _ = run(monkeypatch, capsys, "audit", "schema", "verification")
    assert code == 0
    assert '"const": "verification"' in out


def test_every_entry_that_was_written_here_is_of_its_form(world):
    large = [subject for subject, _ in world.enrol(LEAST)]
    world.service.post("/v1/cohorts", world.question(subjects=large), "engine", world.engine, 200)
    ports = world.service.ledger.context
    log = bytes.fromhex(world.institution[2:])
    seen, registers = set(), 0
    for index in range(ports.audit.size(log)):
        document = entry(world, {"index": index})
        check_facts(Kind(document["kind"]), document["facts"])
        jsonschema_rs.validate(schema_of(document["kind"]), document)
        seen.add(document["kind"])
        registers += "register" in document["facts"]
    assert seen >= {"decision"}
    assert registers == 1
