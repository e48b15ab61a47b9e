"""Searching the entries: conditions, cursors, and who finds what."""

import pytest

from tests.support.service import WAIT, fresh_id


@pytest.fixture(scope="module")
def asked(world):
    """Two patients of whom one consents, a decision on both, on one alone, and a computation."""
    service = world.service
    (ann, wallet), (bob, _) = world.enrol(2)
    service.post("/v1/consents", {"acts": [world.consent(ann, wallet)]}, "subject", ann, 200, **WAIT)
    both = service.post("/v1/cohorts", world.question(subjects=[ann, bob]), "engine", world.engine, 200).json()["id"]
    alone = service.post("/v1/cohorts", world.question(subjects=[bob]), "engine", world.engine, 200).json()["id"]
    entry = {
        "kind": "computation.completed",
        "study": world.study,
        "decision": both,
        "facts": {"run": "r1", "inputs": [], "outputs": [], "notes": "Kaplan-Meier"},
    }
    service.post("/v1/entries", {"entries": [entry]}, "engine", world.engine, 200, **{"Idempotency-Key": fresh_id()})
    return ann, bob, both, alone


def found(world, role="auditor", sub=None, **params):
    return world.service.get("/v1/audit/entries", role, sub or world.auditor, **params)["entries"]


def test_conditions_select(world, asked):
    ann, bob, both, alone = asked
    about_ann = found(world, subject=ann)
    assert [entry["document"]["decision"] for entry in about_ann] == [both, both]
    assert {entry["document"]["decision"] for entry in found(world, subject=bob)} == {both, alone}
    assert [entry["document"]["kind"] for entry in found(world, subject=ann, outcome="completed")] == [
        "computation.completed"
    ]
    assert [entry["document"]["decision"] for entry in found(world, words="kaplan-meier", subject=ann)] == [both]
    assert [entry["document"]["decision"] for entry in found(world, subject=bob, outcome="deny")] == [alone]
    assert found(world, subject=bob, until=1) == []
    assert found(world, study=fresh_id()) == []
    actor = f"engine:{world.engine}"
    assert {entry["document"]["actor"] for entry in found(world, actor=actor, limit=1000)} == {actor}


def test_pages_hold_everything_once_whatever_comes_meanwhile(world, asked):
    whole = found(world, limit=1000)
    paged, cursor = [], None
    for _ in range(len(whole) + 2):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = world.service.get("/v1/audit/entries", "auditor", world.auditor, **params)
        paged += page["entries"]
        cursor = page["next"]
        if cursor is None:
            break
    assert paged[: len(whole)] == whole
    places = [(entry["log"], entry["index"]) for entry in paged]
    assert len(set(places)) == len(places)
    assert places == sorted(places)


def test_a_cursor_serves_its_own_search_and_caller_alone(world, asked):
    page = world.service.get("/v1/audit/entries", "auditor", world.auditor, limit=1)
    cursor = page["next"]
    for role, sub, params in (
        ("auditor", world.auditor, {"outcome": "deny"}),
        ("auditor", fresh_id(), {}),
        ("institution", world.institution, {}),
    ):
        refused = world.service.get("/v1/audit/entries", role, sub, 400, cursor=cursor, **params)
        assert "cursor" in refused["detail"]
    world.service.get("/v1/audit/entries", "auditor", world.auditor, 400, cursor="AAAA")


def test_a_patient_finds_their_own_entries_without_the_counts_of_others(world, asked):
    ann, bob, both, _alone = asked
    mine = found(world, "subject", ann)
    assert [entry["document"]["decision"] for entry in mine] == [both, both]
    assert mine[0]["document"]["facts"] == {"outcome": "permit"}
    assert "considered" in found(world, subject=ann)[0]["document"]["facts"]
    world.service.get("/v1/audit/entries", "subject", ann, 404, subject=bob)


def test_an_institution_reads_its_own_log(world, asked):
    ann = asked[0]
    assert {entry["log"] for entry in found(world, "institution", world.institution)} == {world.institution}
    assert len(found(world, "institution", world.institution, subject=ann)) == 2
    assert found(world, "institution", fresh_id()) == []
    world.service.get("/v1/audit/entries", "institution", fresh_id(), 404, log=world.institution)
    world.service.get("/v1/audit/entries", "institution", fresh_id(), 404, subject=ann)
    world.service.get("/v1/audit/entries", "engine", world.engine, 403)


@pytest.mark.parametrize(
    "wrong",
    [{"study": "0x12"}, {"kind": "rumour"}, {"since": "-1"}, {"limit": "0"}, {"since": "9", "until": "9"}],
)
def test_conditions_that_cannot_be_read_are_refused(world, wrong):
    world.service.get("/v1/audit/entries", "auditor", world.auditor, 400, **wrong)
