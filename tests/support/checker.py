"""The checker page as a command of Node (``frontend/test/command.ts``), held against ``consentry verify``."""

import io
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.verify.checks import verify_bundle
from ledger.verify.report import Report, Status

FRONTEND = Path(__file__).parents[2] / "frontend"
Job = tuple[bytes, bytes | None, Mapping[str, bytes] | None]
"""A bundle, the hash of the block that is trusted, and the contracts' addresses by name."""


class Page:
    """The page's checker, built once.

    Args:
        folder: Where it is built, and where bundles are put for it.
    """

    def __init__(self, folder: Path) -> None:
        node = shutil.which("node")
        if node is None or not (FRONTEND / "node_modules" / "@noble" / "hashes").is_dir():
            pytest.skip("Node or the tools of frontend/ are not here: npm --prefix frontend install")
        self._node = node
        self._folder = folder
        self._built = folder / "command.mjs"
        subprocess.run([node, "build.mjs", "--command", self._built], cwd=FRONTEND, check=True)

    def run(self, jobs: Sequence[object]) -> list[Any]:
        """What it answers to each job."""
        asked = "\n".join(map(json.dumps, jobs))
        done = subprocess.run(
            [self._node, self._built], input=asked, capture_output=True, text=True, check=True, timeout=300
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    def agree(self, jobs: Sequence[Job]) -> list[Report]:
        """What it and ``verify`` say of each bundle: it must be the same; the reports of ``verify``."""
        reports = [verify_bundle(io.BytesIO(data), block, contracts=contracts) for data, block, contracts in jobs]
        for number, (report, said) in enumerate(zip(reports, self._check(jobs), strict=True)):
            assert [(one["name"], one["status"]) for one in said] == [
                (check.name, check.status.value) for check in report.checks
            ], f"job {number}: {said} {report}"
            for check, one in zip(report.checks, said, strict=True):
                assert (one["proves"], one["doesNotProve"]) == (check.proves, check.does_not_prove)
                if check.status is not Status.FAIL:
                    assert one["detail"] == check.detail
        return reports

    def _check(self, jobs: Sequence[Job]) -> list[Any]:
        lines = []
        for number, (data, block, contracts) in enumerate(jobs):
            path = self._folder / f"{number}.zip"
            path.write_bytes(data)
            given = {name: "0x" + at.hex() for name, at in (contracts or {}).items()}
            lines.append({"bundle": str(path), "block": "0x" + block.hex() if block else "", "contracts": given})
        return self.run(lines)
