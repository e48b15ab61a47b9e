"""A log of a million entries, exported by the command: whole, with progress, and in bounded memory.

It takes some minutes; ``CONSENTRY_ENTRIES`` sets another length.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from tests.support.house import House, build
from tests.support.scene import Patient

ENTRIES = int(os.environ.get("CONSENTRY_ENTRIES", "1000000"))
BATCH = 2_000
MOST_BYTES = 500 * 2**20
STATUS = Path("/proc/self/status")
RUN = f"""
import atexit, pathlib, sys
atexit.register(lambda: print(pathlib.Path("{STATUS}").read_text(), file=sys.stderr))
from ledger.cli.main import main
main()
"""


def computations(house, decision, first):
    """The starts and ends of computations under one decision, each built on what the one before put out."""
    request = house.scene.request()
    for number in range(first // 2, (first + BATCH) // 2):
        shared = {
            "actor": f"engine:{to_hex(request.engine)}",
            "study": to_hex(request.study),
            "engine": to_hex(request.engine),
            "operation": "differential-privacy",
            "decision": decision,
        }
        run = {"run": f"{number:032x}"}
        yield NewEntry(Kind.STARTED, **shared, facts={**run, "engine": {"name": "opendp", "version": "0.14"}})
        facts = {
            **run,
            "outputs": [{"name": "mean", "sha256": f"0x{number:064x}"}],
            "parents": [f"0x{number - 1:064x}"] if number else [],
        }
        yield NewEntry(Kind.COMPLETED, **shared, facts=facts)


@pytest.fixture
def long_log(tmp_path):
    patients = [Patient() for _ in range(3)]
    house = House(tmp_path / "home", build(tmp_path / "home", patients), patients)
    house.on_chain(*[house.scene.consent(patient) for patient in house.patients])
    recorded = house.record()
    for first in range(0, ENTRIES, BATCH):
        entries = list(computations(house, recorded.id, first))
        house.ledger.appender.append(recorded.log, f"batch-{first}", entries)
    return house, recorded.log


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="the system does not tell what a process held at most")
def test_a_million_entries_are_exported_in_bounded_memory(long_log, tmp_path):
    house, log = long_log
    size = house.context.audit.size(log)
    house.close()
    environment = {**os.environ, "CONSENTRY_HOME": str(house.home), "FORCE_COLOR": "1"}
    for kind in ("ndjson", "prov-json", "bundle"):
        output = tmp_path / kind
        command = [sys.executable, "-c", RUN, "export", to_hex(log), "--format", kind, "--output", str(output)]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        assert f"{size}/{size}" in ran.stderr, "progress to the end"
        held = re.search(r"^VmHWM:\s+(\d+) kB", ran.stderr, re.MULTILINE)  # a fork counts what its parent held
        assert int(held[1]) * 1024 < MOST_BYTES, kind
        if kind == "ndjson":
            with output.open("rb") as lines:
                assert sum(1 for _ in lines) == size
        output.unlink()
