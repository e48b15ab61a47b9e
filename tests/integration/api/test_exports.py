"""An auditor takes a log away and checks it elsewhere; the commands look at a running service's data."""

import json
import sqlite3
import sys
from typing import NamedTuple

import pytest

from ledger.cli.main import main
from tests.support.service import WAIT


@pytest.fixture(scope="module")
def used(world):
    """A decision in an anchored log."""
    service = world.service
    ((ann, wallet),) = world.enrol(1)
    service.post("/v1/consents", {"acts": [world.consent(ann, wallet)]}, "subject", ann, 200, **WAIT)
    cohort = service.post("/v1/cohorts", world.question(subjects=[ann]), "engine", world.engine, 200).json()
    path = f"/v1/logs/{world.institution}/anchors"
    service.post(path, {}, "auditor", world.auditor, 200, **WAIT)
    return cohort


@pytest.fixture
def command(world, monkeypatch, capsys):
    """Runs the command in this process, beside the running service: gives its exit code and what it printed."""
    monkeypatch.setenv("CONSENTRY_HOME", str(world.service.settings.home))
    monkeypatch.setenv("CONSENTRY_PORT", str(world.service.settings.port))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["consentry", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def export(world, kind):
    return world.service.post("/v1/exports", {"log": world.institution, "format": kind}, "auditor", world.auditor, 200)


def test_a_bundle_is_checked_offline_and_a_changed_byte_is_found(world, used, command, tmp_path):
    answer = export(world, "bundle")
    assert answer.headers["Content-Type"] == "application/zip"
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(answer.content)
    _, block = answer.headers["Consentry-Block"].split()
    checked = command("verify", bundle, "--block", block)
    assert checked.code == 0, checked.out + checked.err
    other = "0x" + "11" * 32
    assert command("verify", bundle, "--block", other).code == 1
    assert command("verify", bundle).code == 3
    assert command("verify", bundle, "--block", "0x12").code == 2
    broken = bytearray(answer.content)
    broken[len(broken) // 2] ^= 1
    bundle.write_bytes(broken)
    checked = command("verify", bundle, "--block", block, "--json")
    assert checked.code == 1
    assert json.loads(checked.out)["verdict"] == "fail"


def test_lines_are_the_bytes_that_were_hashed_and_provenance_names_the_study(world, used):
    lines = export(world, "ndjson").content.splitlines()
    size = world.service.get(f"/v1/logs/{world.institution}", "auditor", world.auditor)["size"]
    assert [json.loads(line)["index"] for line in lines] == list(range(size))
    assert "Survival in lung cancer" in export(world, "prov-json").text


def test_the_command_exports_verifies_and_replays_beside_the_service(world, used, command, tmp_path):
    bundle = tmp_path / "own.zip"
    made = command("export", world.institution, "-o", bundle)
    assert made.code == 0, made.err
    block = made.err.split("--block")[1].split()[0]
    assert command("verify", bundle, "--block", block).code == 0
    assert command("mirror", "verify").code == 0
    sound = command("audit", "fsck")
    assert sound.code == 0, sound.out + sound.err
    assert command("decision", "replay", used["id"]).code == 0
    status = command("chain", "status")
    assert status.code == 0
    assert "ConsentRegistry" in status.out


def test_a_changed_row_of_the_copy_is_named(world, used, command):
    path = world.service.settings.home / "ledger.sqlite"
    with sqlite3.connect(path, timeout=30) as connection:
        connection.execute(
            "UPDATE study SET title = 'Survival in lung cancer!' WHERE title = 'Survival in lung cancer'"
        )
    try:
        found = command("mirror", "verify")
        assert found.code == 1
        for part in ("Study", world.study, "title", "the chain says Survival in lung cancer;"):
            assert part in found.err
    finally:
        with sqlite3.connect(path, timeout=30) as connection:
            connection.execute(
                "UPDATE study SET title = 'Survival in lung cancer' WHERE title = 'Survival in lung cancer!'"
            )
    assert command("mirror", "verify").code == 0


def test_the_command_says_what_is_wrong_in_one_line(world, used, command, tmp_path):
    nowhere = "0x" + "11" * 32
    for arguments, code in (
        (["export", "0x12", "-o", tmp_path / "x"], 2),
        (["export", nowhere, "-o", tmp_path / "x"], 1),
        (["export", world.institution, "-o", tmp_path / "no" / "x"], 2),
        (["export", world.institution, "-o", tmp_path / "x", "--format", "pdf"], 2),
        (["export", world.institution, "-o", tmp_path / "x", "--format", "csv", "--actor", "ann"], 2),
        (["export", world.institution, "-o", tmp_path / "x", "--format", "csv", "--outcome", "Permit!"], 2),
        (["export", world.institution, "-o", tmp_path / "x", "--format", "csv", "--since", 9, "--until", 9], 2),
        (["decision", "replay", nowhere], 1),
        (["verify", tmp_path / "nothing.zip"], 2),
        (["serve"], 1),
    ):
        failed = command(*arguments)
        assert failed.code == code, (arguments, failed.out, failed.err)
        assert "Traceback" not in failed.err
        assert len(failed.err.strip().splitlines()) >= 1
    assert list(tmp_path.iterdir()) == []


def test_an_export_of_nothing_says_so(world, used, command, tmp_path):
    some = command("export", world.institution, "-o", tmp_path / "x", "--format", "ndjson", "--outcome", "permit")
    assert (some.code, "No entry" in some.err) == (0, False)
    none = command("export", world.institution, "-o", tmp_path / "x", "--format", "ndjson", "--outcome", "granted")
    assert (none.code, "No entry meets the conditions" in none.err) == (0, True)


def test_a_token_from_the_command_opens_the_door(world, command):
    made = command("token", "--role", "auditor", "--sub", world.auditor, "--scope", "audit:read")
    assert made.code == 0, made.err
    headers = {"Authorization": f"Bearer {made.out.strip()}"}
    assert world.service.http.get("/v1/logs", headers=headers).status_code == 200
    answer = world.service.http.post("/v1/exports", json={"log": world.institution}, headers=headers)
    assert answer.status_code == 403
    assert command("token", "--role", "engine", "--sub", world.engine, "--scope", "x:y").code == 2
    assert command("token", "--role", "king", "--sub", world.engine).code == 2
