"""Exports that take long: each is a job with progress, whose file is kept for a time.

A job is a small document and a file in one folder. While it waits and runs, its process holds a lock, so that any
process that looks can tell a job at work from one whose process is gone.

Invariants:

- A job is done, with its whole file there, or it says why not; a restart turns what was open into failed.
- A job is its owner's alone, and after its time both document and file are gone.
- A file that shows subjects' rows is destroyed at the first look after an erasure, whoever's: it could name the erased.

Source: https://www.rfc-editor.org/rfc/rfc7240#section-4.1 (how a caller asks for one)
"""

import fcntl
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import msgspec

from ledger.errors import Conflict, ConsentryError, NotFound, NotReady, WrongState
from ledger.export.formats import PERSONAL, Format, write_export
from ledger.export.source import Progress, Source, unseen
from ledger.ports import Entropy, ErasureStore
from ledger.services.export import Ports

MOST_OPEN: Final = 4
"""Jobs of one owner that wait or run."""
AT_ONCE: Final = 2
_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_STOPPED: Final = "the service stopped while it was written; ask for it again"
_ERASED: Final = "it was destroyed, because a patient's data have been erased since; ask for it again"


Making = Callable[[Progress], Source]
"""Makes what is exported, given where progress is told."""


class State(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


OPEN: Final = frozenset({State.WAITING, State.RUNNING})


class Job(msgspec.Struct, frozen=True):
    """An export in the making, or made.

    Attributes:
        id: 32 hex digits.
        owner: Who asked for it.
        log: The log's id, 0x-hex.
        format: The format's name.
        state: Where it stands.
        made: When it was asked for, seconds UTC.
        expires: When it goes, seconds UTC.
        done: Entries that were read.
        total: Of how many.
        size: Bytes of the file, once it is done.
        problem: Why it failed.
        block: Number and hash (0x-hex) of the block that a bundle reaches up to.
        erasures: The number of the newest erasure when it began, where the file shows subjects' rows; else -1.
    """

    id: str
    owner: str
    log: str
    format: str
    state: State
    made: int
    expires: int
    done: int = 0
    total: int = 0
    size: int = 0
    problem: str = ""
    block: tuple[int, str] | None = None
    erasures: int = -1


class JobPorts(Ports, Protocol):
    """The part of the services' context that jobs need."""

    @property
    def entropy(self) -> Entropy:
        """Randomness."""
        ...

    @property
    def erasures(self) -> ErasureStore:
        """The erasures."""
        ...


class Jobs:
    """The exports of this process, and what it can tell of those of others. Thread-safe.

    Args:
        ports: The services' context.
        folder: Where documents and files lie; it is made when it is needed.
        keep_seconds: How long a job is kept.
    """

    def __init__(self, ports: JobPorts, folder: Path, keep_seconds: int) -> None:
        self._ports: Final = ports
        self._folder: Final = folder
        self._keep: Final = keep_seconds
        self._pool: Final = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="consentry-export")
        self._stop: Final = threading.Event()
        self._lock: Final = threading.Lock()
        self._at_work: Final[dict[str, Job]] = {}

    def start(self, owner: str, kind: Format, source: Making) -> Job:
        """Begin an export.

        Args:
            owner: Who asks.
            kind: The format.
            source: Makes what is exported, given where progress is told.

        Raises:
            Conflict: Too many of the owner's exports are open.
            NotFound: There is no such log.
        """
        self.sweep()
        probe = source(unseen)
        now = self._ports.clock.now()
        personal = kind in PERSONAL and probe.with_members
        with self._lock:
            if sum(job.owner == owner for job in self._at_work.values()) >= MOST_OPEN:
                raise Conflict(f"{MOST_OPEN} of your exports are open; wait until one is done")
            job = Job(
                id=self._ports.entropy.token(16).hex(),
                owner=owner,
                log="0x" + probe.log.hex(),
                format=kind.value,
                state=State.WAITING,
                made=now,
                expires=now + self._keep,
                total=probe.size,
                erasures=self._ports.erasures.newest() if personal else -1,
            )
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            held = self._lock_of(job.id).open("wb")
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._at_work[job.id] = job
            self._save(job)
        self._pool.submit(self._run, job, kind, source, held)
        return job

    def find(self, id: str, owner: str) -> Job:
        """A job of an owner, as it stands.

        Raises:
            NotFound: There is none, or its time is over.
        """
        job = self._read(id)
        if job is None or job.owner != owner or job.expires <= self._ports.clock.now():
            raise NotFound(f"there is no export {id}, or it is not yours, or its time is over")
        return self._checked(job)

    def content(self, id: str, owner: str) -> tuple[Job, BinaryIO]:
        """A finished job and its file, which is the caller's to close.

        Raises:
            NotFound: As for ``find``.
            WrongState: It is not done, or it failed.
        """
        job = self.find(id, owner)
        if job.state is not State.DONE:
            raise WrongState(f"the export is {job.state.value}" + (f": {job.problem}" if job.problem else ""))
        try:
            return job, self._file(id).open("rb")
        except FileNotFoundError as problem:
            raise NotFound(f"there is no export {id} any more") from problem

    def sweep(self) -> None:
        """Remove what is over, and destroy what an erasure forbids to keep."""
        now = self._ports.clock.now()
        for path in self._folder.glob("*.json") if self._folder.exists() else ():
            job = self._read(path.stem)
            if job is None:
                continue
            job = self._checked(job)
            if job.expires <= now and job.state not in OPEN:
                for gone in (self._file(job.id), self._draft(job.id), path):
                    gone.unlink(missing_ok=True)

    def close(self) -> None:
        """Stop; what is open fails."""
        self._stop.set()
        self._pool.shutdown(wait=True)

    def _run(self, job: Job, kind: Format, source: Making, held: BinaryIO) -> None:
        told = -1

        def tell(done: int, total: int) -> None:
            nonlocal told
            if self._stop.is_set():
                raise NotReady(_STOPPED)
            now = self._ports.clock.now()
            self._put(msgspec.structs.replace(job, state=State.RUNNING, done=done, total=total), save=now != told)
            told = now

        with held:  # its lock goes last, when the document says how the job ended
            try:
                tell(0, job.total)
                with self._draft(job.id).open("w+b") as draft:
                    written = write_export(source(tell), kind, draft)
                    size = draft.seek(0, 2)
                ended = msgspec.structs.replace(
                    self._at_work[job.id],
                    state=State.DONE,
                    done=self._at_work[job.id].total,
                    size=size,
                    block=(written.block, "0x" + written.hash.hex()) if written.hash else None,
                )
                self._draft(job.id).replace(self._file(job.id))
            except ConsentryError as problem:
                ended = msgspec.structs.replace(self._at_work[job.id], state=State.FAILED, problem=str(problem))
            except Exception as problem:  # noqa: BLE001 - whoever asks must learn that it failed
                what = f"it could not be written ({type(problem).__name__}); see the service's log"
                ended = msgspec.structs.replace(self._at_work[job.id], state=State.FAILED, problem=what)
            self._save(ended)
            with self._lock:
                del self._at_work[job.id]
            self._draft(job.id).unlink(missing_ok=True)
            self._lock_of(job.id).unlink()
        self._checked(ended)

    def _checked(self, job: Job) -> Job:
        """The job, after what has happened to it since: its process died, or somebody was erased."""
        if job.state in OPEN and job.id not in self._at_work and not self._is_held(job.id):
            job = self._read(job.id) or job  # it may have ended between the two looks
            if job.state in OPEN:
                return self._fail(job, _STOPPED)
        if job.state is State.DONE and 0 <= job.erasures < self._ports.erasures.newest():
            return self._fail(job, _ERASED)
        return job

    def _fail(self, job: Job, problem: str) -> Job:
        self._file(job.id).unlink(missing_ok=True)
        self._draft(job.id).unlink(missing_ok=True)
        self._lock_of(job.id).unlink(missing_ok=True)
        failed = msgspec.structs.replace(job, state=State.FAILED, problem=problem, size=0)
        self._save(failed)
        return failed

    def _is_held(self, id: str) -> bool:
        """Whether a process still has the job in hand."""
        with suppress(FileNotFoundError), self._lock_of(id).open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _put(self, job: Job, *, save: bool) -> None:
        self._at_work[job.id] = job
        if save:
            self._save(job)

    def _save(self, job: Job) -> None:
        path = self._document(job.id)
        draft = path.with_suffix(f".{threading.get_ident()}.tmp")
        draft.write_bytes(msgspec.json.encode(job))
        draft.replace(path)

    def _read(self, id: str) -> Job | None:
        held = self._at_work.get(id)
        if held is not None or not _ID.match(id):
            return held
        try:
            return msgspec.json.decode(self._document(id).read_bytes(), type=Job)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def _document(self, id: str) -> Path:
        return self._folder / f"{id}.json"

    def _draft(self, id: str) -> Path:
        return self._folder / f"{id}.part"

    def _lock_of(self, id: str) -> Path:
        return self._folder / f"{id}.lock"

    def _file(self, id: str) -> Path:
        return self._folder / f"{id}.file"


def pieces(file: BinaryIO, size: int = 1 << 18) -> Iterator[bytes]:
    """A file's content in pieces; closes it at the end."""
    with file:
        while piece := file.read(size):
            yield piece
