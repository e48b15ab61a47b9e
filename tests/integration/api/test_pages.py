"""The pages in the hands of a patient and of an auditor."""

import re
import sqlite3
import time
from contextlib import contextmanager

import httpx
import pytest

from api.pages import patient
from tests.support.service import HOUR, WAIT, fresh_id

COOKIE = "consentry"


@contextmanager
def browser(world, role=None, sub=None):
    """A browser that opened a sign-in link."""
    with httpx.Client(base_url=f"http://127.0.0.1:{world.service.settings.port}", timeout=60) as client:
        if role is not None:
            opened = client.get("/signin", params={"token": world.service.token(role, sub)})
            assert opened.status_code == 200, opened.text
        yield client


@pytest.fixture(scope="module")
def ann(world):
    """A patient with a yes, a no, a use and a blocked try: (subject, wallet)."""
    service = world.service
    ((subject, wallet),) = world.enrol(1)
    no = world.scope(effect="deny", purposes="any", conditions=["commercial-use"], operations="any")
    acts = [world.consent(subject, wallet), world.consent(subject, wallet, scope=no)]
    service.post("/v1/consents", {"acts": acts}, "subject", subject, 200, **WAIT)
    question = world.question(subjects=[subject])
    cohort = service.post("/v1/cohorts", question, "engine", world.engine, 200).json()
    entry = {"kind": "computation.completed", "study": world.study, "decision": cohort["id"]}
    key = {"Idempotency-Key": fresh_id()}
    service.post("/v1/entries", {"entries": [entry]}, "engine", world.engine, 200, **key)
    service.post(f"/v1/logs/{world.institution}/anchors", {}, "auditor", world.auditor, 200, **WAIT)
    service.post("/v1/cohorts", question, "engine", world.wrong_engine, 200)
    return subject, wallet


def test_a_link_signs_in_with_a_cookie_that_is_kept_close(world, ann):
    with browser(world) as client:
        opened = client.get("/signin", params={"token": world.service.token("subject", ann[0])})
        cookie = opened.headers["Set-Cookie"]
        for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age="):
            assert part in cookie
        assert 0 < int(re.search(r"Max-Age=(\d+)", cookie)[1]) <= HOUR
        assert opened.headers["Refresh"] == "0; url=/me"
        assert opened.headers["Referrer-Policy"] == "no-referrer"
        assert client.get("/").headers["Location"] == "/me"
        page = client.get("/me")
        assert page.status_code == 200
        assert page.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert COOKIE in client.cookies
        client.post("/signout")
        assert COOKIE not in client.cookies
        assert client.get("/me").status_code == 401


def test_a_patient_reads_choices_and_uses_in_words(world, ann):
    with browser(world, "subject", ann[0]) as client:
        text = client.get("/me").text
    assert "You let any approved study use your data" in text
    assert "You do not let any approved study use your data" in text
    assert "health and medical research" in text
    assert "Your data was used" in text
    assert "Survival in lung cancer" in text
    assert "The program is not approved for this kind of work." in text
    assert "Sealed. We checked it just now" in text
    assert "Kept, and not sealed yet" in text
    assert "0x" not in re.sub(r'href="[^"]*"', "", text)


def test_a_patient_comes_to_the_oldest_use_page_by_page(world, monkeypatch):
    ((subject, _),) = world.enrol(1)
    monkeypatch.setattr("api.pages.patient.MOST_USES", 2)
    for _ in range(5):
        world.service.post("/v1/cohorts", world.question(subjects=[subject]), "engine", world.engine, 200)
    shown, address = [], "/me"
    with browser(world, "subject", subject) as client:
        while address:
            text = client.get(address).text
            shown.append(text.count("<article"))
            assert "of those on this page" in text
            assert ("Show the newest" in text) == (address != "/me")
            older = re.search(r'href="(/me\?before=0x[0-9a-f]{64})#uses"', text)
            address = older and older[1]
        assert client.get("/me?before=0x12").status_code == 400
    assert shown == [2, 2, 1]


def test_a_stop_shows_at_once(world):
    service = world.service
    ((subject, wallet),) = world.enrol(1)
    consent = world.consent(subject, wallet)
    service.post("/v1/consents", {"acts": [consent]}, "subject", subject, 200, **WAIT)
    body = {"acts": [world.withdrawal(subject, consent["id"], wallet)]}
    service.post("/v1/withdrawals", body, "subject", subject, 202)
    with browser(world, "subject", subject) as client:
        text = client.get("/me").text
        assert "No new use can start from now on" in text or "You stopped this" in text
        for _ in range(1_200):
            text = client.get("/me").text
            if "You stopped this" in text:
                break
            time.sleep(0.05)
    assert "You stopped this. It does not count any more." in text
    assert "It is being sealed" not in text


def test_a_stop_that_is_sealed_while_the_page_is_made_is_not_missing_from_it(world, monkeypatch):
    service = world.service
    ((subject, wallet),) = world.enrol(1)
    consent = world.consent(subject, wallet)
    service.post("/v1/consents", {"acts": [consent]}, "subject", subject, 200, **WAIT)
    body = {"acts": [world.withdrawal(subject, consent["id"], wallet)]}

    def asking(*arguments):  # called once the choices were read
        service.post("/v1/withdrawals", body, "subject", subject, 200, **WAIT)
        return asking_before(*arguments)

    asking_before = patient.asking
    monkeypatch.setattr(patient, "asking", asking)
    with browser(world, "subject", subject) as client:
        assert "No new use can start from now on" in client.get("/me").text
        monkeypatch.undo()
        assert "You stopped this. It does not count any more." in client.get("/me").text


def test_nobody_sees_another_and_the_doors_are_apart(world, ann):
    ((bob, _),) = world.enrol(1)
    with browser(world, "subject", bob) as client:
        assert "You have not said yes to any use" in client.get("/me").text
        for path in ("/audit", f"/audit/{world.institution}", f"/audit/{world.institution}/0"):
            assert client.get(path).status_code == 403
        # The cookie opens pages alone, not the API.
        assert client.get(f"/v1/subjects/{bob}").status_code == 401
    with browser(world, "auditor", world.auditor) as client:
        assert client.get("/me").status_code == 403
    with browser(world, "institution", world.institution) as client:
        assert client.get(f"/audit/{world.institution}").status_code == 200
        assert client.get(f"/audit/{world.institution}/export").status_code == 403
    with browser(world, "institution", fresh_id()) as client:
        assert "There are no entries yet" in client.get("/audit").text
        assert client.get(f"/audit/{world.institution}").status_code == 404
    with browser(world) as client:
        for path in ("/me", "/audit", f"/audit/{world.institution}/export"):
            refused = client.get(path)
            assert refused.status_code == 401
            assert "sign-in link" in refused.text
        client.cookies.set(COOKIE, "junk")
        assert client.get("/me").status_code == 401
        assert client.get("/signin", params={"token": "junk"}).status_code == 401
        assert client.get("/signin").status_code == 400


def test_an_auditor_reads_the_trail_and_takes_it_away(world, ann):
    with browser(world, "auditor", world.auditor) as client:
        assert "Sundown Hospital" in client.get("/audit").text
        trail = client.get(f"/audit/{world.institution}")
        assert "OpenDP completed a computation for “Survival in lung cancer”." in trail.text
        for claim in ("In the log", "Under a signed head", "Matches the chain, block", "Not anchored yet"):
            assert claim in trail.text
        assert "NOT" not in trail.text
        index = int(re.search(r"Entry (\d+): computation.completed", trail.text)[1])
        entry = client.get(f"/audit/{world.institution}/{index}").text
        assert "which is the root that the chain holds" in entry
        assert world.engine in entry
        taken = client.get(f"/audit/{world.institution}/export", params={"format": "ndjson"})
        assert taken.status_code == 200
        assert "attachment" in taken.headers["Content-Disposition"]
        assert client.get(f"/audit/{world.institution}/99999").status_code == 404
        assert client.get("/audit/0x12").status_code == 400
        assert client.get(f"/audit/{world.institution}/export", params={"format": "pdf"}).status_code == 400


@pytest.mark.parametrize(("old", "new"), [(b"computation.completed", b"computation.withholds"), (b"{", b"[")])
def test_a_changed_row_is_told_where_it_stands(world, ann, old, new):
    path = world.service.settings.home / "ledger.sqlite"
    with sqlite3.connect(path, timeout=30) as connection:
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entry'"
        ).fetchall()
        row, canonical = connection.execute(
            "SELECT rowid, canonical FROM audit_entry WHERE CAST(canonical AS TEXT) LIKE '%computation.completed%'"
        ).fetchone()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        changed = canonical.replace(old, new, 1)
        connection.execute("UPDATE audit_entry SET canonical = ? WHERE rowid = ?", (changed, row))
    try:
        with browser(world, "auditor", world.auditor) as client:
            trail = client.get(f"/audit/{world.institution}").text
        assert trail.count("NOT in the log as stored") == 1
        assert "the stored bytes are not those that were hashed" in trail
        assert trail.count("Does NOT match the chain") == 1
    finally:
        with sqlite3.connect(path, timeout=30) as connection:
            connection.execute("UPDATE audit_entry SET canonical = ? WHERE rowid = ?", (canonical, row))
            for _, sql in triggers:
                connection.execute(sql)


def test_a_script_in_a_title_is_text(world):
    service, title = world.service, "<script>alert(1)</script>\"'&"
    body = {
        "title": title,
        "uses": ["biomedical"],
        "conditions": [],
        "required_terms": 1,
        "ethics": fresh_id(),
        "ethics_until": int(time.time()) + HOUR,
    }
    study = service.post("/v1/studies", body, "institution", world.institution, 200, **WAIT).json()["id"]
    ((subject, _),) = world.enrol(1)
    service.post("/v1/cohorts", world.question(study=study, subjects=[subject]), "engine", world.engine, 200)
    with browser(world, "subject", subject) as client:
        text = client.get("/me").text
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_reference_lists_every_address_without_help_from_outside(world):
    with browser(world) as client:
        text = client.get("/docs").text
        paths = client.get("/openapi.json").json()["paths"]
        style = client.get("/static/consentry.css")
        assert style.headers["Content-Type"].startswith("text/css")
        assert "max-age" in style.headers["Cache-Control"]
        assert client.get("/static/icon.svg").status_code == 200
        assert client.get("/static/nothing").status_code == 404
    assert [path for path in paths if f"<code>{path}</code>" not in text] == []
    assert "https://" not in text
