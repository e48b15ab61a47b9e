"""A log of a million entries, exported by the command: whole, with progress, and in bounded memory.

It takes some minutes; ``CONSENTRY_ENTRIES`` sets another length.
"""

import os
import subprocess
import sys

import pytest

from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from tests.support.house import House, build
from tests.support.scene import Patient

ENTRIES = int(os.environ.get("CONSENTRY_ENTRIES", "1000000"))
BATCH = 2_000
MOST_BYTES = 500 * 2**20
RUN = "from ledger.cli.main import main; main()"


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
def test_a_million_entries_are_exported_in_bounded_memory(long_log, tmp_path):
    house, log = long_log
    size = house.context.audit.size(log)
    house.close()
    for kind in ("ndjson", "prov-json", "bundle"):
        output = tmp_path / kind
        command = [sys.executable, "-c", RUN, "export", to_hex(log), "--format", kind, "--output", str(output)]
        with subprocess.Popen(
            command, env={**os.environ, "CONSENTRY_HOME": str(house.home), "FORCE_COLOR": "1"}, stderr=subprocess.PIPE
        ) as process:
            told = process.stderr.read().decode()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, told
        assert f"{size}/{size}" in told, "progress to the end"
        assert used.ru_maxrss * 1024 < MOST_BYTES, kind
        if kind == "ndjson":
            with output.open("rb") as lines:
                assert sum(1 for _ in lines) == size
        output.unlink()
