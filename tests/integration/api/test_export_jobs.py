"""Exports that are written meanwhile: progress, owners, restarts, expiry, erasure."""

import json
import time

import pytest

from tests.support.service import WAIT, Service, build_world, fresh_id

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world of its own: somebody is erased in it."""
    service = Service(tmp_path_factory.mktemp("home"))
    yield build_world(service)
    service.close()


@pytest.fixture(scope="module")
def used(world):
    """A patient with a recorded decision."""
    service = world.service
    ((ann, wallet),) = world.enrol(1)
    service.post("/v1/consents", {"acts": [world.consent(ann, wallet)]}, "subject", ann, 200, **WAIT)
    service.post("/v1/cohorts", world.question(subjects=[ann]), "engine", world.engine, 200)
    return ann


def begin(world, auditor=None, **body):
    body = {"log": world.institution, "format": "fhir-audit-event"} | body
    answer = world.service.post("/v1/exports", body, "auditor", auditor or world.auditor, 202, **ASYNC)
    assert answer.headers["Location"] == f"/v1/exports/{answer.json()['id']}"
    return answer.json()


def ended(world, job):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = world.service.get(f"/v1/exports/{job['id']}", "auditor", world.auditor)
        if found["state"] not in ("waiting", "running"):
            return found
        time.sleep(0.02)
    raise AssertionError(found)


def content(world, job, auditor=None, status=200):
    sub = auditor or world.auditor
    answer = world.service.http.get(f"/v1/exports/{job['id']}/content", headers=world.service.as_("auditor", sub))
    assert answer.status_code == status, answer.text
    return answer


def test_a_job_ends_with_the_file_that_an_answer_at_once_has(world, used):
    job = ended(world, begin(world, format="ndjson"))
    assert (job["state"], job["problem"]) == ("done", "")
    assert job["done"] == job["total"] > 0
    got = content(world, job)
    assert int(got.headers["Content-Length"]) == job["size"] == len(got.content)
    body = {"log": world.institution, "format": "ndjson"}
    at_once = world.service.post("/v1/exports", body, "auditor", world.auditor, 200).content
    assert at_once.startswith(got.content)


def test_a_bundle_names_its_block(world, used):
    job = ended(world, begin(world, format="bundle"))
    got = content(world, job)
    assert got.headers["Consentry-Block"] == f"{job['block']['number']} {job['block']['hash']}"
    assert got.content[:2] == b"PK"


def test_conditions_select(world, used):
    job = ended(world, begin(world, format="ndjson", subject=used, outcome="permit"))
    lines = [json.loads(line) for line in content(world, job).content.splitlines()]
    assert [line["facts"]["outcome"] for line in lines] == ["permit"]
    failed = ended(world, begin(world, format="bundle", outcome="permit"))
    assert failed["state"] == "failed"
    assert "whole" in failed["problem"]
    assert "whole" in content(world, failed, status=409).json()["detail"]


def test_a_job_is_its_owners_alone(world, used):
    job = ended(world, begin(world))
    stranger = fresh_id()
    world.service.get(f"/v1/exports/{job['id']}", "auditor", stranger, 404)
    content(world, job, stranger, 404)
    world.service.get(f"/v1/exports/{'0' * 32}", "auditor", world.auditor, 404)
    world.service.get("/v1/exports/x", "auditor", world.auditor, 400)
    world.service.get(f"/v1/exports/{job['id']}", "institution", world.institution, 403)


def test_after_an_erasure_no_file_with_rows_is_left(world, used):
    personal, without, plain = (
        ended(world, begin(world, **body)) for body in ({}, {"members": False}, {"format": "csv"})
    )
    assert used[2:] in content(world, personal).text
    assert used[2:] not in content(world, without).text
    path = f"/v1/subjects/{used}/personal-data"
    erased = world.service.http.delete(path, headers=world.service.as_("institution", world.institution))
    assert erased.status_code == 200, erased.text
    folder = world.service.settings.home / "exports"
    assert not any(used[2:].encode() in file.read_bytes() for file in folder.iterdir())
    found = ended(world, personal)
    assert (found["state"], found["size"]) == ("failed", 0)
    assert "erased" in content(world, personal, status=409).json()["detail"]
    content(world, without)
    content(world, plain)
    assert used[2:] not in content(world, ended(world, begin(world))).text
