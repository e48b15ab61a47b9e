"""An auditor takes a log away and checks it elsewhere; the commands look at a running service's data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import WAIT

ROOT = Path(__file__).parents[3]


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


def command(world, *arguments):
    """Run the command beside the running service."""
    home = {"CONSENTRY_HOME": str(world.service.settings.home), "CONSENTRY_PORT": str(world.service.settings.port)}
    return subprocess.run(
        [sys.executable, "-m", "ledger.cli", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **home, "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def export(world, kind):
    return world.service.post("/v1/exports", {"log": world.institution, "format": kind}, "auditor", world.auditor, 200)


def test_a_bundle_is_checked_offline_and_a_changed_byte_is_found(world, used, tmp_path):
    answer = export(world, "bundle")
    assert answer.headers["Content-Type"] == "application/zip"
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(answer.content)
    _, block = answer.headers["Consentry-Block"].split()
    checked = command(world, "verify", bundle, "--block", block)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    other = "0x" + "11" * 32
    assert command(world, "verify", bundle, "--block", other).returncode == 1
    assert command(world, "verify", bundle).returncode == 3
    assert command(world, "verify", bundle, "--block", "0x12").returncode == 2
    broken = bytearray(answer.content)
    broken[len(broken) // 2] ^= 1
    bundle.write_bytes(broken)
    checked = command(world, "verify", bundle, "--block", block, "--json")
    assert checked.returncode == 1
    assert json.loads(checked.stdout)["verdict"] == "fail"


def test_lines_are_the_bytes_that_were_hashed_and_provenance_names_the_study(world, used):
    lines = export(world, "ndjson").content.splitlines()
    size = world.service.get(f"/v1/logs/{world.institution}", "auditor", world.auditor)["size"]
    assert [json.loads(line)["index"] for line in lines] == list(range(size))
    assert "Survival in lung cancer" in export(world, "prov-json").text


def test_the_command_exports_verifies_and_replays_beside_the_service(world, used, tmp_path):
    bundle = tmp_path / "own.zip"
    made = command(world, "export", world.institution, "-o", bundle)
    assert made.returncode == 0, made.stderr
    block = made.stderr.split("--block")[1].split()[0]
    assert command(world, "verify", bundle, "--block", block).returncode == 0
    assert command(world, "mirror", "verify").returncode == 0
    sound = command(world, "audit", "fsck")
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert command(world, "decision", "replay", used["id"]).returncode == 0
    status = command(world, "chain", "status")
    assert status.returncode == 0
    assert "ConsentRegistry" in status.stdout


def test_the_command_says_what_is_wrong_in_one_line(world, used, tmp_path):
    nowhere = "0x" + "11" * 32
    for arguments, code in (
        (["export", "0x12", "-o", tmp_path / "x"], 2),
        (["export", nowhere, "-o", tmp_path / "x"], 1),
        (["export", world.institution, "-o", tmp_path / "no" / "x"], 2),
        (["export", world.institution, "-o", tmp_path / "x", "--format", "pdf"], 2),
        (["decision", "replay", nowhere], 1),
        (["verify", tmp_path / "nothing.zip"], 1),
        (["serve"], 1),
    ):
        failed = command(world, *arguments)
        assert failed.returncode == code, (arguments, failed.stdout, failed.stderr)
        assert "Traceback" not in failed.stderr
        assert len(failed.stderr.strip().splitlines()) >= 1
    assert list(tmp_path.iterdir()) == []


def test_a_token_from_the_command_opens_the_door(world):
    made = command(world, "token", "--role", "auditor", "--sub", world.auditor, "--scope", "audit:read")
    assert made.returncode == 0, made.stderr
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    assert world.service.http.get("/v1/logs", headers=headers).status_code == 200
    answer = world.service.http.post("/v1/exports", json={"log": world.institution}, headers=headers)
    assert answer.status_code == 403
    assert command(world, "token", "--role", "engine", "--sub", world.engine, "--scope", "x:y").returncode == 2
    assert command(world, "token", "--role", "king", "--sub", world.engine).returncode == 2
