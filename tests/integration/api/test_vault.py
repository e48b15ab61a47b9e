"""The vault over HTTP: a custodian's own desk alone, and erasure."""

import httpx
import pytest

from tests.support.service import WAIT, Service, build_world, fresh_id


@pytest.fixture
def carl(world):
    """An enrolled and consenting subject, with a number that no other test uses."""
    ((subject, wallet),) = world.enrol(1)
    act = world.consent(subject, wallet)
    world.service.post("/v1/consents", {"acts": [act]}, "subject", subject, 200, **WAIT)
    return subject, "MRN-" + subject[2:12]


@pytest.fixture
def kept(world, carl):
    subject, number = carl
    put(world, subject, {"reference": number, "name": "Carl", "contact": "carl@example.org"}, 204)
    return subject, number


def put(world, subject, body, status, role="institution", sub=None):
    headers = world.service.as_(role, sub or world.institution)
    answer = world.service.http.put(f"/v1/subjects/{subject}/local-reference", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer


def erase(world, subject, status=200, role="institution", sub=None):
    headers = world.service.as_(role, sub or world.institution)
    answer = world.service.http.delete(f"/v1/subjects/{subject}/personal-data", headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def search(world, reference, status=200, role="institution", sub=None):
    return world.service.post(
        "/v1/subjects/search", {"reference": reference}, role, sub or world.institution, status
    ).json()


def test_the_desk_keeps_reads_and_finds_a_number(world, kept):
    subject, number = kept
    read = world.service.get(f"/v1/subjects/{subject}/local-reference", "institution", world.institution)
    assert read == {"subject": subject, "reference": number, "name": "Carl", "contact": "carl@example.org"}
    assert search(world, number) == {"subjects": [subject]}
    assert search(world, number + "x") == {"subjects": []}


def test_answers_with_personal_data_are_not_kept_by_caches(world, kept):
    answer = world.service.http.get(
        f"/v1/subjects/{kept[0]}/local-reference", headers=world.service.as_("institution", world.institution)
    )
    assert answer.headers["Cache-Control"] == "no-store"


def test_nobody_else_reads_finds_keeps_or_erases(world, kept):
    subject, number = kept
    path, stranger = f"/v1/subjects/{subject}/local-reference", fresh_id()
    world.service.get(path, "institution", stranger, 404)
    assert search(world, number, sub=stranger) == {"subjects": []}
    put(world, subject, {"reference": "X"}, 404, sub=stranger)
    erase(world, subject, 404, sub=stranger)
    for role, sub in (("subject", subject), ("auditor", world.auditor), ("engine", world.engine)):
        world.service.get(path, role, sub, 403)
        search(world, number, 403, role, sub)
        put(world, subject, {"reference": "X"}, 403, role, sub)
        erase(world, subject, 403, role, sub)
    assert search(world, number) == {"subjects": [subject]}


def test_a_number_that_another_subject_has_is_refused(world, kept):
    ((other, _),) = world.enrol(1)
    answer = put(world, other, {"reference": kept[1]}, 409)
    assert kept[1] not in answer.text


@pytest.mark.parametrize("body", [{}, {"reference": ""}, {"reference": "a\nb"}, {"reference": "x", "ssn": "1"}])
def test_a_malformed_record_is_refused(world, carl, body):
    put(world, carl[0], body, 400)


def test_the_patients_own_answers_and_page_show_nothing_of_it(world, kept):
    subject, number = kept
    state = world.service.http.get(f"/v1/subjects/{subject}", headers=world.service.as_("subject", subject))
    with httpx.Client(base_url=world.service.http.base_url, timeout=60) as client:
        client.get("/signin", params={"token": world.service.token("subject", subject)})
        page = client.get("/me")
    assert page.status_code == 200
    for text in (state.text, page.text):
        assert number not in text
        assert "carl@example.org" not in text


def test_after_an_erasure_the_number_is_gone_and_every_decision_is_no(world, kept):
    subject, number = kept
    question = world.question(subjects=[subject])
    assert world.service.get(f"/v1/subjects/{subject}", "institution", world.institution)["erased"] is False
    (erasure,) = erase(world, subject)["erasures"]
    assert erasure["local_record"] is True
    assert erase(world, subject)["erasures"] == [erasure]
    assert search(world, number) == {"subjects": []}
    world.service.get(f"/v1/subjects/{subject}/local-reference", "institution", world.institution, 404)
    assert world.service.get(f"/v1/subjects/{subject}", "institution", world.institution)["erased"] is True
    with httpx.Client(base_url=world.service.http.base_url, timeout=60) as client:
        client.get("/signin", params={"token": world.service.token("subject", subject)})
        assert "You were erased here." in client.get("/me").text
    answer = world.service.post("/v1/decisions", question, "engine", world.engine, 200).json()
    assert [one["reason"] for one in answer["decisions"]] == ["erased"]
    put(world, subject, {"reference": number}, 409)
    ((anew, _),) = world.enrol(1)
    put(world, anew, {"reference": number}, 204)
    assert search(world, number) == {"subjects": [anew]}


def test_the_service_finishes_at_its_start_what_died(tmp_path):
    service = Service(tmp_path / "home")
    world = build_world(service)
    ((subject, _),) = world.enrol(1)
    put(world, subject, {"reference": "MRN-1"}, 204)
    home, log = service.settings.home, bytes.fromhex(world.institution[2:])
    context = service.ledger.context
    context.erasures.destroy(bytes.fromhex(subject[2:]), id="0x" + "ab" * 16, custodian=log, actor="x", at=7)
    service.close()
    again = Service(home)
    for _ in range(600):
        if not again.ledger.context.erasures.unlogged():
            break
        again.thread.join(0.05)
    assert again.ledger.context.erasures.unlogged() == []
    assert again.ledger.context.audit.size(log) == 1
    again.close()
