"""Appending to the audit logs: the sequencer.

Invariants: an index is given once; what a receipt promises is durable before the receipt exists; the same key gives
the same receipt; every checkpoint extends the one before it, because all grow from the same tree. A log that is shorter
than the chain knows it to be (its database was brought back from an older copy) takes nothing: its next head would be
a fork of those that were given out.

Concurrent appends to one log share a transaction (group commit): the first writes, those who come meanwhile wait, and
when it is done the first of them writes for all of them. Each waits for an event of its own: waiters on one lock would
wake one after the other, each with a turn of the interpreter between. Whoever writes for others encodes for them, too:
threads that encode beside it would make each of its statements wait for such a turn.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, repeat

from ledger.domain.audit import Checkpointed, DecisionRecord, Member, NewEntry, StoredEntry
from ledger.errors import Conflict, ConsentryError, InvalidInput, NotReady, Replayed
from ledger.ports import AuditStore, Clock, LogWriter
from ledger.services.context import LogKeys
from ledger.services.drafts import Drafts, drafts_of
from ledger.transparency import canonical
from ledger.transparency.checkpoint import Checkpoint, verify_checkpoint, write_checkpoint
from ledger.transparency.edge import Edge, root_within
from ledger.transparency.hashing import EMPTY_ROOT, leaf_hashes
from ledger.transparency.keys import SigningKey
from ledger.transparency.receipt import AppendReceipt, issue_append
from ledger.transparency.tree import edge_at, root_of

Recorder = Callable[[int], tuple[DecisionRecord, Sequence[Member]]]
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Appended:
    """Where entries stand, the signed head that holds them, and the receipt that promises it of all of them."""

    entries: tuple[StoredEntry, ...]
    checkpoint: str
    receipt: str


@dataclass(slots=True)
class _Job:
    log: bytes
    key: str
    entries: Sequence[NewEntry]
    record: Recorder | None = None
    drafts: Drafts = field(default_factory=Drafts)
    stored: tuple[StoredEntry, ...] = ()
    root: bytes = b""
    note: str = ""
    signer: SigningKey | None = None
    problem: Exception | None = None
    done: bool = False
    leads: bool = False
    """Whether it was this job's turn to write for all who wait."""
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Let go when the job is done, or when it is this job's turn to write."""

    def __post_init__(self) -> None:
        self.turn.acquire()


@dataclass(slots=True)
class Appender:
    """The sequencer of all logs that this process writes. Thread-safe; other processes may write the same logs.

    Attributes:
        anchored: How many entries of a log the chain holds a head of, as far as it is known.
    """

    audit: AuditStore
    clock: Clock
    keys: LogKeys
    anchored: Callable[[bytes], int] = lambda _log: 0
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _queues: dict[bytes, list[_Job]] = field(default_factory=lambda: defaultdict(list))
    _busy: set[bytes] = field(default_factory=set)
    _edges: dict[bytes, Edge] = field(default_factory=dict)

    def append(self, log: bytes, key: str, entries: Sequence[NewEntry], record: Recorder | None = None) -> Appended:
        """Append entries, in order and next to each other.

        Args:
            log: The log's id.
            key: The idempotency key; the same key with the same entries gives the same receipt.
            entries: At least one.
            record: Called with the first index inside the transaction; what it returns is kept with the entry.

        Raises:
            Replayed: The key was used for other entries.
            InvalidInput: An entry is not of the canonical form, is too large, or the key is malformed.
            NotReady: The chain holds more of the log than the store does, or the stored tree was changed.
        """
        if not entries or not 0 < len(key) <= LONGEST_KEY:
            raise InvalidInput(f"an append needs entries and a key of 1 to {LONGEST_KEY} characters")
        job = _Job(log, key, entries, record)
        with self._guard:
            self._queues[log].append(job)
            first = log not in self._busy
            self._busy.add(log)
        if not first:
            self._wait(job)
        if not job.done:
            self._lead(log)
        if job.problem is not None:
            raise job.problem
        return Appended(job.stored, job.note, self._receipt(job))

    def _receipt(self, job: _Job) -> str:
        """The promise of all entries of an append: their leaves under one root, and the checkpoint that holds them."""
        assert job.signer is not None
        root = job.root or root_of([entry.leaf for entry in job.stored])
        promise = AppendReceipt(job.log, job.stored[0].index, root, job.note, len(job.stored))
        return issue_append(promise, job.signer)

    def _wait(self, job: _Job) -> None:
        """Until a job is done or its turn has come; who is interrupted meanwhile leaves nobody waiting for it."""
        try:
            job.turn.acquire()
        except BaseException:
            with self._guard:
                queue = self._queues.get(job.log, [])
                queue[:] = [other for other in queue if other is not job]
                if job.leads:
                    self._hand_on(job.log)
            raise

    def _lead(self, log: bytes) -> None:
        """Write for all who wait, then hand the log to the first of those who came meanwhile."""
        with self._guard:
            jobs = self._queues.pop(log)
        try:
            self._write(log, jobs)
        finally:
            with self._guard:
                self._hand_on(log)
            for job in jobs:
                job.turn.release()

    def _hand_on(self, log: bytes) -> None:
        """Give the turn to write to the first who waits, if anybody does. The guard is held."""
        if heirs := self._queues.get(log):
            heirs[0].leads = True
            heirs[0].turn.release()
        else:
            self._busy.discard(log)

    def _write(self, log: bytes, jobs: Sequence[_Job]) -> None:
        try:
            for job in jobs:
                _encode(job)
            if all(job.problem is not None for job in jobs):  # nothing is written, not even that there is such a log
                for job in jobs:
                    job.done = True
                return
            least = self.anchored(log)
            with self.audit.writer(log) as writer:
                _refuse_older(writer.size, least)
                edge = self._sequence(log, writer, jobs)
        except Exception as problem:  # noqa: BLE001 - every waiting caller must learn it
            self._fail(log, jobs, problem)
        except BaseException:  # this thread is to end: the others hear of it, and may try again
            self._fail(log, jobs, NotReady("the append was interrupted; send it again with the same key"))
            raise
        else:
            self._edges[log] = edge
            for job in jobs:
                job.done = True

    def _fail(self, log: bytes, jobs: Sequence[_Job], problem: Exception) -> None:
        self._edges.pop(log, None)
        for job in jobs:
            job.problem, job.done = job.problem or problem, True

    def _sequence(self, log: bytes, writer: LogWriter, jobs: Sequence[_Job]) -> Edge:
        edge = self._edges.get(log)
        if edge is None or edge.size != writer.size:
            edge = edge_at(writer, writer.size)
            self._refuse_altered(log, edge)
        now, signer = self.clock.now(), self.keys.receipts
        before = writer.find_all([job.key for job in jobs])
        fresh: list[_Job] = []
        seen: dict[str, _Job] = {}
        rows: list[StoredEntry] = []
        for job in jobs:
            job.signer = signer
            if job.problem is not None or self._answered(job, seen.get(job.key), before.get(job.key)):
                continue
            job.stored = _stored(job, edge.size + len(rows), now)
            rows.extend(job.stored)
            seen[job.key] = job
            fresh.append(job)
        if not rows:
            return edge
        edge, runs = edge.extend([row.leaf for row in rows])
        writer.append(rows, runs)
        root = edge.root()
        note = write_checkpoint(Checkpoint(log, edge.size, root), [self.keys.note_signer(log)])
        writer.checkpoint(Checkpointed(log, edge.size, root, note, now))
        for job in fresh:
            job.note, job.root = note, root_within(runs, job.stored[0].index, len(job.stored))
            if job.record is not None:
                writer.save_decision(*job.record(job.stored[0].index))
        for job in jobs:
            if job.stored and not job.note:
                job.note = note
        return edge

    def _refuse_altered(self, log: bytes, edge: Edge) -> None:
        """Sign nothing on top of a tree that is not the one whose head was signed last: it would be a fork."""
        newest = self.audit.checkpoint(log)
        try:
            signed = None if newest is None else verify_checkpoint(newest.note, self.keys.note_keys(log), log)
        except ConsentryError as problem:
            raise NotReady(
                f"the newest head that is kept does not hold ({problem}); run consentry audit fsck"
            ) from problem
        if (edge.size, edge.root()) != ((0, EMPTY_ROOT) if signed is None else (signed.size, signed.root)):
            raise NotReady(
                f"the tree that is kept of {edge.size} entries is not the one that was signed for, so nothing is "
                "appended; run consentry audit fsck"
            )

    def _answered(self, job: _Job, twin: _Job | None, first: StoredEntry | None) -> bool:
        """Whether the job's key was used before, in this group or in the log: then it is answered, or refused."""
        try:
            if twin is not None:
                _repeat(job, twin.stored)
            elif first is not None:
                self._replay(job, first)
        except ConsentryError as problem:
            job.problem = problem
        return twin is not None or first is not None

    def _replay(self, job: _Job, first: StoredEntry) -> None:
        """Fill a job whose key was used before, for entries from ``first`` on, if it says the same."""
        stored = (first, *self.audit.entries(job.log, first.index + 1, first.index + first.count))
        _repeat(job, stored)
        checkpoint = self.audit.checkpoint_over(job.log, stored[-1].index)
        if checkpoint is None:
            raise Conflict(f"no checkpoint holds entry {stored[-1].index}; run consentry audit fsck")
        job.note = checkpoint.note


def _encode(job: _Job) -> None:
    """Encode the entries of a job; what is wrong with them is its caller's to know, and spoils no group."""
    try:
        job.drafts = drafts_of(job.entries, job.log)
    except Exception as problem:  # noqa: BLE001 - raised to its caller
        job.problem = problem


def _refuse_older(size: int, least: int) -> None:
    if size < least:
        raise NotReady(
            f"the chain holds {least} entries of this log, the store only {size}, so nothing is appended; bring back "
            "the newest copy of the database"
        )


def _repeat(job: _Job, earlier: tuple[StoredEntry, ...]) -> None:
    """Let a job stand for entries that came under its key before, if it says the same."""
    if len(earlier) != len(job.entries):
        fewer = "fewer" if len(earlier) < len(job.entries) else "more"
        raise Replayed(f"the key {job.key!r} was used before for {fewer} entries; use a new key")
    time = canonical.decode_object(earlier[0].canonical)["time"]  # one for all entries of an append
    assert isinstance(time, int)
    if job.drafts.at(earlier[0].index, time) != [entry.canonical for entry in earlier]:
        raise Replayed(f"the key {job.key!r} was used before for another entry; use a new key")
    job.stored = earlier


def _stored(job: _Job, first: int, now: int) -> tuple[StoredEntry, ...]:
    data = job.drafts.at(first, now)
    keys, counts = chain([job.key], repeat("")), chain([len(data)], repeat(1))
    fields = zip(repeat(job.log), count(first), data, leaf_hashes(data), keys, counts, job.drafts.decisions())
    return tuple(map(StoredEntry._make, fields))
