"""Jobs on a fake log: restarts, bounds, expiry, faults."""

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace

import msgspec
import pytest

from ledger.errors import Conflict, NotFound, WrongState
from ledger.export import jobs as room
from ledger.export.formats import Format, Written
from ledger.export.jobs import MOST_OPEN, Jobs, State
from tests.fakes.chain import FakeClock

NOW, KEEP = 1_000, 100


@dataclass
class Ports:
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    erased: int = 0
    made: int = 0

    @property
    def erasures(self):
        return SimpleNamespace(newest=lambda: self.erased)

    @property
    def entropy(self):
        self.made += 1
        return SimpleNamespace(token=self.made.to_bytes)


@pytest.fixture
def ports():
    return Ports()


@pytest.fixture
def jobs(ports, tmp_path):
    opened = Jobs(ports, tmp_path / "exports", KEEP)
    yield opened
    opened.close()


@pytest.fixture
def gate(monkeypatch):
    """Exports wait here: ``begun`` is set when one is written, and goes on when ``go`` is."""
    held = SimpleNamespace(begun=threading.Event(), go=threading.Event(), fault=None)

    def write(source, _kind, out):
        source.progress(1, 2)
        held.begun.set()
        while not held.go.wait(0.01):
            source.progress(1, 2)
        if held.fault is not None:
            raise held.fault
        out.write(b"content")
        return Written()

    monkeypatch.setattr(room, "write_export", write)
    yield held
    held.go.set()


def making(progress):
    return SimpleNamespace(log=b"\x0a" * 32, size=2, with_members=True, progress=progress)


def start(jobs, kind=Format.FHIR_AUDIT, owner="me"):
    return jobs.start(owner, kind, making)


def wait(jobs, job):
    for _ in range(6_000):
        found = jobs.find(job.id, "me")
        if found.state not in room.OPEN:
            return found
        threading.Event().wait(0.01)
    raise AssertionError(found)


def test_progress_is_told_to_every_process(jobs, ports, gate, tmp_path):
    job = start(jobs)
    assert gate.begun.wait(60)
    other = Jobs(ports, tmp_path / "exports", KEEP)
    for seen in (jobs, other):
        found = seen.find(job.id, "me")
        assert found.state in room.OPEN
        with pytest.raises(WrongState, match=found.state.value):
            seen.content(job.id, "me")
    gate.go.set()
    assert wait(jobs, job).size == 7
    _, file = other.content(job.id, "me")
    with file:
        assert file.read() == b"content"
    other.close()


def test_what_a_dead_process_left_open_has_failed(jobs, ports, gate, tmp_path):
    job = start(jobs)
    assert gate.begun.wait(60)
    folder = tmp_path / "exports"
    left = (folder / f"{job.id}.json").read_bytes()
    gate.go.set()
    wait(jobs, job)
    jobs.close()
    (folder / f"{job.id}.json").write_bytes(left)  # as a process that is killed leaves it
    (folder / f"{job.id}.lock").touch()
    (folder / f"{job.id}.part").write_bytes(b"half")
    later = Jobs(ports, folder, KEEP)
    found = later.find(job.id, "me")
    assert found.state is State.FAILED
    assert "ask for it again" in found.problem
    assert [path.name for path in folder.iterdir()] == [f"{job.id}.json"]
    later.close()


def test_a_service_that_stops_ends_its_exports(jobs, ports, gate, tmp_path):
    job = start(jobs)
    assert gate.begun.wait(60)
    jobs.close()
    assert Jobs(ports, tmp_path / "exports", KEEP).find(job.id, "me").state is State.FAILED


def test_an_owner_has_so_many_open_and_no_more(jobs, gate):
    for _ in range(MOST_OPEN):
        start(jobs)
    with pytest.raises(Conflict, match="open"):
        start(jobs)
    start(jobs, owner="you")


def test_after_its_time_nothing_is_left(jobs, ports, gate, tmp_path):
    gate.go.set()
    job = start(jobs)
    assert wait(jobs, job).expires == NOW + KEEP
    ports.clock.at = NOW + KEEP
    with pytest.raises(NotFound):
        jobs.find(job.id, "me")
    jobs.sweep()
    assert list((tmp_path / "exports").iterdir()) == []


@pytest.mark.parametrize("kind", [Format.FHIR_AUDIT, Format.CSV])
def test_an_erasure_while_it_is_written_counts_too(jobs, ports, gate, kind):
    job = start(jobs, kind)
    assert gate.begun.wait(60)
    ports.erased = 1
    gate.go.set()
    assert wait(jobs, job).state is (State.FAILED if kind is Format.FHIR_AUDIT else State.DONE)


@pytest.mark.parametrize("fault", [NotFound("there is no log"), ValueError("secret")])
def test_a_fault_is_said_without_its_innards(jobs, gate, fault, tmp_path):
    gate.fault = fault
    gate.go.set()
    found = wait(jobs, start(jobs))
    assert found.state is State.FAILED
    assert "secret" not in found.problem
    assert [path.suffix for path in (tmp_path / "exports").iterdir()] == [".json"]


def test_a_broken_document_is_no_job(jobs, gate, tmp_path):
    gate.go.set()
    job = start(jobs)
    wait(jobs, job)
    (tmp_path / "exports" / f"{job.id}.json").write_bytes(b"{")
    jobs.sweep()
    with pytest.raises(NotFound):
        jobs.find(job.id, "me")
    for name in ("../x", "", "A" * 32):
        with pytest.raises(NotFound):
            jobs.find(name, "me")
    assert msgspec.json.decode(msgspec.json.encode(job), type=room.Job) == job
