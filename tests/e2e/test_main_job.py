"""The main job as a person runs it: killed in the middle, run to its end, and started again."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

pytest.importorskip("lifelines", reason="the main job's data come with the extra consentry[demo]")
pytest.importorskip("opendp", reason="the main job's engine needs the extra consentry[opendp]")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STEPS = 19
SECONDS = 600


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(home, port, *arguments):
    environment = os.environ | {
        "CONSENTRY_HOME": str(home),
        "CONSENTRY_PORT": str(port),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "400",
        "NO_COLOR": "1",
    }
    return subprocess.Popen(
        [sys.executable, str(ROOT / "scripts/lung_study.py"), *arguments],
        cwd=home.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(job):
    output, _ = job.communicate(timeout=SECONDS)
    assert job.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("work") / "home"


@pytest.fixture(scope="module")
def output(home):
    """Kill -9 the job while patients are enrolled; then run it to its end on the same data."""
    port = free_port()
    job = start(home, port, "--once")
    state = home / "demo" / "state.json"
    for _ in range(SECONDS * 10):
        assert job.poll() is None, job.stdout.read()
        if state.exists() and "admit" in json.loads(state.read_text())["done"]:
            break
        time.sleep(0.1)
    time.sleep(1)
    job.kill()
    job.communicate()
    service = json.loads((home / "demo" / "service.json").read_text())["service"]
    with suppress(ProcessLookupError):
        os.kill(service, signal.SIGKILL)
    return finish(start(home, port, "--once"))


def test_it_goes_on_where_it_was_killed_and_ends_well(output):
    assert "at an earlier start" in output.split("Patients enrolled")[0]
    assert len(re.findall(r"^ ?\d+ .+\(.+\)$", output, re.MULTILINE)) == STEPS


def test_it_says_what_it_left_out_and_what_the_noise_cost(output):
    assert "1 patient without a recorded institution is left out" in output
    assert re.search(r"mean age \d\d\.\d\d, one-year survival 0\.\d{4} on 180-189 permitted patients", output)
    assert re.search(r"on 170-179 permitted patients; epsilon \d\.\d{4} at delta 0\.000001", output)


def test_withdrawals_bite_and_the_wrong_engine_is_refused(output):
    assert "10 of 10 denied at once" in output
    assert "denied (operation_not_registered)" in output


def test_the_bundle_holds_and_a_changed_copy_does_not(output):
    assert "it holds (exit 0)" in output
    assert "a copy with one bit turned is refused (exit 1)" in output


def test_an_erased_patient_leads_nowhere_and_the_proofs_still_hold(output, home):
    assert "number and 5 openings destroyed" in output
    assert "the bundle from before still holds (exit 0), and the log is sound (exit 0)" in output
    raw = b"".join(path.read_bytes() for path in home.glob("ledger.sqlite*"))
    assert b"NCCTG-00" not in raw


def test_keys_of_patients_are_private(output, home):
    assert (home / "demo" / "devices.json").stat().st_mode & 0o777 == 0o600
    assert len(json.loads((home / "demo" / "devices.json").read_text())) == 227


def test_nothing_is_written_outside_the_home(output, home):
    assert [path.name for path in home.parent.iterdir()] == ["home"]


def test_the_service_is_stopped_at_the_end(output, home):
    with socket.socket() as probe:
        port = json.loads((home / "demo" / "service.json").read_text())["port"]
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_another_start_finds_everything_done(output, home):
    before = json.loads((home / "demo" / "state.json").read_text())
    again = finish(start(home, free_port(), "--once"))
    assert again.count("(at an earlier start)") == STEPS
    assert json.loads((home / "demo" / "state.json").read_text()) == before


def test_it_keeps_running_shares_its_service_and_stops_when_told(output, home):
    port = free_port()
    job = start(home, port)
    lines = []
    for line in job.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    text = "".join(lines)
    assert f"http://localhost:{port}/docs" in text, text
    assert text.count(f"http://localhost:{port}/signin?token=") == 2
    for link in re.findall(r"http://localhost:\d+(/signin\?token=\S+)", text):
        assert httpx.get(f"http://127.0.0.1:{port}{link}").status_code < 400
    assert "(at an earlier start)" in finish(start(home, port, "--once"))
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200, "the first job's service is still there"
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=60)
    assert job.returncode in {0, 130}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/healthz")
