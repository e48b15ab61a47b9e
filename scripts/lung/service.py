"""The service under the job: ``consentry serve`` in a process of its own, and clients of it with tokens.

The job is a client like any other: it reads no database and no chain. What it does as the operator of a machine with
the embedded default is to ask the local issuer for tokens.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from ledger.config import Settings
from ledger.domain.identifiers import parse_id
from ledger.errors import ConsentryError, NotReady
from ledger.gate import LedgerClient
from ledger.identity.door import local_issuer
from ledger.identity.principal import Role
from lung.memory import write_private

STARTING_SECONDS = 90
STOPPING_SECONDS = 20
TOKEN_SECONDS = 8 * 3600


class Service:
    """A running ``consentry serve``; a context manager that stops it at the end.

    One that runs on the same data already is used: it is left running when another job keeps it, and stopped at the
    end when that job is gone (it was killed).

    Args:
        folder: The working folder, where a relative ``CONSENTRY_HOME`` starts.
    """

    def __init__(self, folder: Path) -> None:
        self._environment = dict(os.environ)
        self._folder = folder
        self._clients: dict[tuple[Role, str], LedgerClient] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._orphan = 0
        self.home = Settings.read(self._environment, folder).home
        self._log = self.home / "demo" / "service.log"
        self._note = self.home / "demo" / "service.json"
        self._at(Settings.read(self._environment, folder).port)

    def start(self) -> float:
        """Start it, or find it running, and wait until it is ready; returns the seconds that took.

        Raises:
            NotReady: It does not come up; the end of its log is in the message.
        """
        began = time.monotonic()
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._found():
            return time.monotonic() - began
        if "CONSENTRY_PORT" not in self._environment:
            self._at(_free_port(self.settings.port))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command(), "serve"],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment | {"CONSENTRY_PORT": str(self.settings.port)},
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C reaches the job, which then stops the service in order
            )
        note = {"job": os.getpid(), "service": self._process.pid, "port": self.settings.port}
        write_private(self._note, json.dumps(note))
        while not self._ready():
            if self._process.poll() is not None:
                raise NotReady(f"consentry serve ended at once; the end of {self._log}:\n{self._tail()}")
            if time.monotonic() - began > STARTING_SECONDS:
                raise NotReady(f"consentry serve is not ready after {STARTING_SECONDS} s; see {self._log}")
            time.sleep(0.1)
        return time.monotonic() - began

    def _found(self) -> bool:
        """Whether a service of these data runs already; its tokens say that it is ours."""
        with suppress(OSError, ValueError):
            note = json.loads(self._note.read_text("utf-8"))
            self._at(int(note["port"]))
            if self._ready() and self._ours():
                self._orphan = 0 if _alive(int(note["job"])) else int(note["service"])
                return True
        self._at(Settings.read(self._environment, self._folder).port)
        return False

    def _ours(self) -> bool:
        try:
            self.client(Role.AUDITOR, "0x" + "01" * 32).get("/v1/domain")
        except ConsentryError:
            self._clients.clear()
            return False
        return True

    def _at(self, port: int) -> None:
        self.settings = Settings.read(self._environment | {"CONSENTRY_PORT": str(port)}, self._folder)
        self.address = f"http://127.0.0.1:{port}"

    def token(self, role: Role, sub: str) -> str:
        """A token of the local issuer, as ``consentry token`` gives it."""
        issuer = local_issuer(self.settings)
        return issuer.issue(role, parse_id(sub), now=int(time.time()), seconds=TOKEN_SECONDS)

    def client(self, role: Role, sub: str) -> LedgerClient:
        """A client with a token of its own."""
        known = self._clients.get((role, sub))
        if known is None:
            known = self._clients[role, sub] = LedgerClient(self.address, self.token(role, sub), timeout=120)
        return known

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``consentry`` command to its end."""
        return subprocess.run(
            [*command(), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment | {"CONSENTRY_PORT": str(self.settings.port)},
            cwd=self._folder,
        )

    def wait(self) -> None:
        """Let it run until it ends, or until this process is interrupted."""
        with suppress(KeyboardInterrupt):
            if self._process is not None:
                self._process.wait()
            while self._process is None and self._ready():  # found running: not our child
                time.sleep(1)

    def stop(self) -> None:
        """Stop it in order; by force when it does not."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self._orphan:
            with suppress(ProcessLookupError):
                os.kill(self._orphan, signal.SIGTERM)
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def _tail(self) -> str:
        return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-15:])


def command() -> list[str]:
    """How to call ``consentry`` of this environment."""
    installed = Path(sys.executable).with_name("consentry")
    if installed.exists():
        return [str(installed)]
    return [sys.executable, "-c", "from ledger.cli.main import main; main()"]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _free_port(wanted: int) -> int:
    """The wanted port, or any free one when it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise NotReady("no port is free on this machine")
