"""Servers in processes of their own, and how they are asked: over sockets, no library between."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from ledger.errors import NotReady

STARTING_SECONDS = 60
ROOT = Path(__file__).parents[2]
_SERVE = "from ledger.cli.main import main; main()"
_ECHO = "benches.echo:app"
_LEAST_CORES = 2
_apart: list[set[int]] = []
"""The cores of what is started."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def consentry(home: Path, port: int) -> Iterator[int]:
    """``consentry serve`` on the data in a folder; gives the number of its process, as the others do."""
    variables = {"CONSENTRY_HOME": str(home), "CONSENTRY_PORT": str(port), "CONSENTRY_ANCHOR_SECONDS": "0"}
    command = [sys.executable, "-c", _SERVE, "serve", "--log-level", "error"]
    with _running(command, variables, port, "/readyz") as process:
        yield process


@contextmanager
def echo(port: int) -> Iterator[int]:
    """A raw ASGI application that echoes, under the same server."""
    with asgi(_ECHO, port, {}) as process:
        yield process


@contextmanager
def asgi(application: str, port: int, variables: dict[str, str], *, within: float = STARTING_SECONDS) -> Iterator[int]:
    """An ASGI application of ours, by the address of it or of what makes it, under the same server.

    Args:
        application: Module and name.
        port: Where it is to listen.
        variables: For its environment.
        within: Seconds that it may take to start.
    """
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        application,
        "--port",
        str(port),
        "--log-level",
        "error",
        "--no-access-log",
    ]
    with _running(command, variables, port, "/", within) as process:
        yield process


@contextmanager
def apart() -> Iterator[None]:
    """Keep this process on a core of its own while the block runs, and whatever it starts meanwhile on the others.

    Left to itself the system puts a client and its server on one core in some runs, and on two in others: the same
    server then answers half as much, or twice. Where there is but one core, or no choice, nothing is changed.
    """
    cores = os.sched_getaffinity(0) if sys.platform == "linux" else set[int]()
    if len(cores) < _LEAST_CORES:
        yield
        return
    ours = max(cores)
    _apart.append(cores - {ours})
    os.sched_setaffinity(0, {ours})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        _apart.pop()


def cpu_seconds(process: int) -> float:
    """The processor time that a process had until now, its threads' together; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _running(
    command: Sequence[str], variables: dict[str, str], port: int, path: str, within: float = STARTING_SECONDS
) -> Iterator[int]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSENTRY_")}
    environment = kept | variables | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'scripts'}"}
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if _apart:
        os.sched_setaffinity(process.pid, _apart[-1])  # before it has a thread besides
    try:
        _await(process, port, path, within)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _await(process: "subprocess.Popen[bytes]", port: int, path: str, within: float) -> None:
    deadline = time.monotonic() + within
    question = request(port, "GET", path)
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with Connection(port) as connection:
                if connection.exchange(question)[0] == 200:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    words = b"" if process.poll() is None or process.stderr is None else process.stderr.read()[-2000:]
    raise NotReady(f"the server of the bench does not come up: {words.decode(errors='replace')}")


def request(port: int, method: str, path: str, body: bytes = b"", token: str = "") -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: application/json")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """A connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def exchange(self, question: bytes) -> tuple[int, bytes]:
        """Send a request; the answer's status and body."""
        self._socket.sendall(question)
        status = int(self._file.readline().split(b" ", 2)[1])
        size = 0
        while (line := self._file.readline()) not in (b"\r\n", b""):
            if line[:15].lower() == b"content-length:":
                size = int(line[15:])
        return status, self._file.read(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()
