"""Lists are cut by a bound that the caller chooses, say so, and are taken up again where they ended."""

from types import SimpleNamespace

import pytest

from api.cursors import Cursors
from api.paging import Page
from ledger.errors import Conflict, InvalidInput
from ledger.identity.principal import Principal, Role
from tests.support.service import WAIT, fresh_id

LISTS = ("institutions", "reviewers", "terms", "studies", "engines", "datasets", "logs")


def followed(service, path, name, *caller, limit):
    """Every item of a list, and how many pages it took."""
    found, pages, cursor = [], 0, None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = service.get(path, *caller, limit=limit, **more)
        assert len(page[name]) <= limit
        found, pages, cursor = found + page[name], pages + 1, page["next"]
        if cursor is None:
            return found, pages


@pytest.fixture(scope="module")
def filled(world):
    """At least two of everything that is listed."""
    service = world.service
    for number in range(2):
        other = fresh_id()
        service.post(
            "/v1/institutions", {"id": other, "name": f"Clinic {number}"}, "steward", world.steward, 200, **WAIT
        )
        service.post("/v1/reviewers", {"id": fresh_id(), "name": "Board"}, "steward", world.steward, 200, **WAIT)
        text = {"text": f"Text {other}", "version": 1, "language": "en"}
        service.post("/v1/terms", text, "steward", world.steward, 200, **WAIT)
        dataset = {"terms": {"permission": "GRU", "modifiers": {}}}
        service.post("/v1/datasets", dataset, "institution", other, 200, **WAIT)
        engine = {"id": fresh_id(), "name": "One name", "operations": ["differential-privacy"]}
        service.post("/v1/engines", engine, "institution", other, 200, **WAIT)
        study = {"title": "A study", "uses": ["biomedical"], "conditions": [], "required_terms": 1}
        study |= {"ethics": fresh_id(), "ethics_until": 1 << 35}
        service.post("/v1/studies", study, "institution", other, 200, **WAIT)
    return world


@pytest.mark.parametrize("name", LISTS)
def test_pages_hold_the_whole_list_once(filled, name):
    caller = ("auditor", filled.auditor)
    whole = filled.service.get(f"/v1/{name}", *caller)
    assert whole["next"] is None
    if name != "logs":
        assert len(whole[name]) >= 2
    for limit in (1, 2, 1000):
        found, pages = followed(filled.service, f"/v1/{name}", name, *caller, limit=limit)
        assert found == whole[name]
        assert pages == max(1, -(-len(found) // limit))


def test_a_patient_can_go_back_to_the_first_use_of_their_data(world):
    service = world.service
    ((ann, _),) = world.enrol(1)
    made = [
        service.post("/v1/decisions", world.question(subjects=[ann]), "engine", world.engine, 200).json()["id"]
        for _ in range(5)
    ]
    path = f"/v1/subjects/{ann}/uses"
    for limit in (1, 2, 5, 6):
        found, pages = followed(service, path, "uses", "subject", ann, limit=limit)
        assert [one["decision"] for one in found] == made[::-1]
        assert pages == -(-len(made) // limit)


def test_a_cursor_serves_its_own_list_and_caller_alone(filled):
    service = filled.service
    cursor = service.get("/v1/institutions", "auditor", filled.auditor, limit=1)["next"]
    service.get("/v1/institutions", "auditor", filled.auditor, cursor=cursor)
    service.get("/v1/studies", "auditor", filled.auditor, 400, cursor=cursor)
    service.get("/v1/institutions", "steward", filled.steward, 400, cursor=cursor)
    service.get("/v1/institutions", "auditor", filled.auditor, 400, cursor="nonsense")
    service.get("/v1/institutions", "auditor", filled.auditor, 400, limit=0)
    service.get("/v1/institutions", "auditor", filled.auditor, 400, limit=1001)


def page(cursor=None, limit=2, query=()):
    request = SimpleNamespace(
        app=SimpleNamespace(state=SimpleNamespace(cursors=Cursors(b"\x01" * 32))),
        url=SimpleNamespace(path="/v1/things"),
        query_params=SimpleNamespace(multi_items=lambda: list(query)),
    )
    return Page(request, cursor, limit)


def test_a_list_that_lost_what_a_page_ended_with_is_not_cut_in_silence():
    who = Principal(Role.AUDITOR, b"\x02" * 32, frozenset(), 0)
    shown, following = page().of(who, [b"a", b"b", b"c"], bytes)
    assert shown == [b"a", b"b"]
    assert page(following).of(who, [b"a", b"b", b"bb", b"c"], bytes) == ([b"bb", b"c"], None)
    with pytest.raises(Conflict, match="start again"):
        page(following).of(who, [b"a", b"c"], bytes)
    with pytest.raises(InvalidInput):
        page(following, query=[("custodian", "0x12")]).of(who, [b"a", b"b", b"c"], bytes)
