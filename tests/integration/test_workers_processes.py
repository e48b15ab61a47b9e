"""``consentry serve --workers 2`` as it is run: processes of its own, a real PostgreSQL, a real node that goes away.

Whatever worker answers, under load and with the chain down: once a withdrawal is accepted there is no permit any more.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from ledger.bootstrap import SystemClock
from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import deploy_rpc
from ledger.config import Settings
from ledger.identity.door import local_issuer
from tests.fixtures_store import empty_postgresql_url, postgresql_server
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.service import WAIT, Service, build_world

__all__ = ["empty_postgresql_url", "postgresql_server"]
pytestmark = pytest.mark.slow
PATIENTS = 10
KEPT = 2
ASKERS = 6
LINES = 16
"""Connections that are held at once to find every process at one of them."""
STARTING = 180
STALENESS = 300
"""Seconds for which answers go on without the node: longer than the test."""


class Workers(Service):
    """The service of another command; only HTTP leads to it."""

    def __init__(self, home: Path, **changes):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.settings = Settings(home=home, port=port, anchor_seconds=0, most_staleness=STALENESS, **changes)
        environment = os.environ | {
            f"CONSENTRY_{name.upper()}": str(getattr(self.settings, name))
            for name in ("home", "port", "anchor_seconds", "most_staleness", *changes)
        }
        self._log = (home / "serve.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ledger.cli", "serve", "--workers", "2"],
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self.issuer = local_issuer(self.settings)

    def wait(self) -> None:
        deadline = time.monotonic() + STARTING
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if self._all_ready():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise AssertionError((self.settings.home / "serve.log").read_text()[-4000:])

    def _all_ready(self) -> bool:
        """Whether several processes answer, and none of them says that it is not ready."""
        with ExitStack() as lines:
            held = [lines.enter_context(httpx.Client(base_url=self.http.base_url)) for _ in range(LINES)]
            ready = [line.get("/readyz").status_code == 200 for line in held]
            return all(ready) and len(self.answering()) >= 2

    def processes(self) -> list[int]:
        """The command's processes that have a socket."""
        family = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [int(one) for one in family if self._sockets(int(one))]

    def answering(self) -> set[int]:
        """The processes that somebody is connected to now."""
        return {one for one in self.processes() if self._sockets(one) & self._connected()}

    def close(self) -> None:
        self.http.close()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def _connected(self) -> set[str]:
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        port = f":{self.settings.port:04X}"
        return {row[9] for row in rows if row[1].endswith(port) and row[3] == "01"}

    @staticmethod
    def _sockets(process: int) -> set[str]:
        try:
            links = [str(one.readlink()) for one in Path(f"/proc/{process}/fd").iterdir()]
        except OSError:
            return set()
        return {link[8:-1] for link in links if link.startswith("socket:[")}


@pytest.fixture
def running(empty_postgresql_url, tmp_path):
    if find_anvil() is None:
        pytest.skip(MISSING)
    if not Path("/proc/self/fd").exists():
        pytest.skip("which process answers is read from /proc, which is not here")
    node = Anvil(tmp_path / "node")
    ring = KeyRing(tmp_path / "keys")
    for role in (RELAYER, CONSORTIUM):
        node.fund(address_of(ring.named(role)))
    deploy_rpc(node.url, tmp_path, SystemClock()).close()
    workers = Workers(tmp_path, database_url=empty_postgresql_url, rpc_url=node.url)
    try:
        workers.wait()
        yield build_world(workers), node
    finally:
        workers.close()
        node.stop()


class Asker(threading.Thread):
    """Asks about everybody, again and again, on a connection of its own; a look, or a record."""

    def __init__(self, world, subjects, accepted, *, record):
        super().__init__(daemon=True)
        self.asked = 0
        self.wrong: list[str] = []
        self.failed: list[str] = []
        self.stop = threading.Event()
        self._accepted = accepted
        self._subjects = subjects
        self._question = world.question(subjects=subjects, record=record)
        self._headers = world.service.as_("engine", world.engine)
        self._http = httpx.Client(base_url=world.service.http.base_url, timeout=60)

    def run(self):
        with self._http:
            while not self.stop.is_set():
                before = set(self._accepted)
                answer = self._http.post("/v1/decisions", json=self._question, headers=self._headers)
                if answer.status_code != 200:
                    self.failed.append(answer.text)
                    return
                permitted = {one["subject"] for one in answer.json()["decisions"] if one["outcome"] == "permit"}
                self.wrong += before & permitted
                self.asked += 1


def test_no_worker_permits_what_another_took_back_under_load_and_without_the_chain(running):
    world, node = running
    service = world.service
    enrolled = world.enrol(PATIENTS)
    acts = [world.consent(subject, wallet) for subject, wallet in enrolled]
    granted = service.post("/v1/consents", {"acts": acts}, "institution", world.institution, 200, **WAIT).json()
    assert {item["state"] for item in granted["items"]} == {"sealed"}
    withdrawals = [
        world.withdrawal(subject, act["id"], wallet) for (subject, wallet), act in zip(enrolled, acts, strict=True)
    ][KEPT:]
    subjects = [subject for subject, _ in enrolled]
    accepted: set[str] = set()
    askers = [Asker(world, subjects, accepted, record=place == 0) for place in range(ASKERS)]
    for asker in askers:
        asker.start()
    try:
        seen: set[int] = set()
        for place, act in enumerate(withdrawals):
            if place == len(withdrawals) // 2:
                node.stop()  # and nothing can come to the chain any more
            with httpx.Client(base_url=service.http.base_url, timeout=60) as line:  # any of the workers
                headers = service.as_("subject", act["subject"])
                answer = line.post("/v1/withdrawals", json={"acts": [act]}, headers=headers)
            assert answer.status_code == 202, answer.text
            accepted.add(act["subject"])
            seen |= service.answering()
            time.sleep(0.05)
        before = [asker.asked for asker in askers]
        deadline = time.monotonic() + 60
        while any(asker.asked < count + 3 for asker, count in zip(askers, before, strict=True)):
            assert time.monotonic() < deadline, [asker.failed for asker in askers]
            time.sleep(0.05)
    finally:
        for asker in askers:
            asker.stop.set()
        for asker in askers:
            asker.join()
    assert [asker.failed for asker in askers] == [[]] * ASKERS
    assert [asker.wrong for asker in askers] == [[]] * ASKERS
    assert len(seen) >= 2, "one worker alone answered all"

    os.kill(min(seen), signal.SIGKILL)  # one of them dies hard; the other, or a new one, answers the same
    answered = 0
    for _ in range(10):
        with httpx.Client(base_url=service.http.base_url, timeout=60) as line:
            headers = service.as_("engine", world.engine)
            question = world.question(subjects=subjects, record=False)
            try:
                found = line.post("/v1/decisions", json=question, headers=headers)
            except httpx.TransportError:
                continue  # it was with the one that died
        if found.status_code == 503:
            continue  # a new one that has not read the chain yet; no answer is no yes
        assert found.status_code == 200, found.text
        permitted = {one["subject"] for one in found.json()["decisions"] if one["outcome"] == "permit"}
        assert permitted == set(subjects[:KEPT])
        answered += 1
    assert answered
