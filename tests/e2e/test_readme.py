"""The README's flows, run word by word in one shell against a service of their own."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECONDS = 180


def flows() -> str:
    """The blocks of "The main flows" as one shell script; Python blocks go to the interpreter on standard input."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text[text.index("## The main flows") : text.index("## Settings")]
    parts = []
    for number, (language, body) in enumerate(BLOCK.findall(section)):
        if ".venv/bin/activate" in body:
            body = body.replace(". .venv/bin/activate\n", "")  # noqa: PLW2901 - the test's own interpreter is on PATH
        parts.append(f"echo '== block {number}' >&2")
        parts.append(body if language == "sh" else f"python - <<'PYTHON'\n{body}PYTHON\n")
    return "set -euo pipefail\ntrap 'kill %1' EXIT\n" + "\n".join(parts)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_the_flows_of_the_readme_run_as_written(tmp_path):
    script = flows()
    assert script.count("== block") >= 8, "the README lost its flows"
    environment = os.environ | {
        "CONSENTRY_HOME": str(tmp_path / "home"),
        "CONSENTRY_PORT": str(free_port()),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    log = (tmp_path / "serve.log").read_text("utf-8") if (tmp_path / "serve.log").exists() else ""
    assert ran.returncode == 0, f"{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}\n{log[-3000:]}"
    assert "It holds" in ran.stdout
