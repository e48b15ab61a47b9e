"""Appending to the audit logs: the sequencer.

Invariants: an index is given once; what a receipt promises is durable before the receipt exists; the same key gives
the same receipt; every checkpoint extends the one before it, because all grow from the same tree.

Concurrent appends to one log share a transaction (group commit): the first writes, those who come meanwhile wait, and
when it is done the first of them writes for all of them. Each waits for an event of its own: waiters on one lock would
wake one after the other, each with a turn of the interpreter between.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ledger.domain.audit import Checkpointed, DecisionRecord, Member, NewEntry, StoredEntry
from ledger.errors import Conflict, ConsentryError, InvalidInput, NotReady, Replayed
from ledger.ports import AuditStore, Clock, LogWriter
from ledger.services.context import LogKeys
from ledger.transparency import canonical
from ledger.transparency.checkpoint import Checkpoint, write_checkpoint
from ledger.transparency.edge import Edge, Run
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.receipt import AppendReceipt, issue_append
from ledger.transparency.tree import edge_at

Recorder = Callable[[int], tuple[DecisionRecord, Sequence[Member]]]
LONGEST_KEY = 200
MOST_ENTRY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Appended:
    """Where entries stand, the signed head that holds them, and one receipt an entry."""

    entries: tuple[StoredEntry, ...]
    checkpoint: str
    receipts: tuple[str, ...]


@dataclass(slots=True)
class _Job:
    log: bytes
    key: str
    entries: Sequence[NewEntry]
    record: Recorder | None
    stored: tuple[StoredEntry, ...] = ()
    note: str = ""
    problem: Exception | None = None
    done: bool = False
    turn: threading.Event = field(default_factory=threading.Event)
    """Set when the job is done, or when it is this job's turn to write."""


@dataclass(slots=True)
class Appender:
    """The sequencer of all logs that this process writes. Thread-safe; other processes may write the same logs."""

    audit: AuditStore
    clock: Clock
    keys: LogKeys
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _queues: dict[bytes, list[_Job]] = field(default_factory=lambda: defaultdict(list))
    _busy: set[bytes] = field(default_factory=set)
    _edges: dict[bytes, Edge] = field(default_factory=dict)

    def append(self, log: bytes, key: str, entries: Sequence[NewEntry], record: Recorder | None = None) -> Appended:
        """Append entries, in order and next to each other.

        Args:
            log: The log's id.
            key: The idempotency key; the same key with the same entries gives the same receipts.
            entries: At least one.
            record: Called with the first index inside the transaction; what it returns is kept with the entry.

        Raises:
            Replayed: The key was used for other entries.
            InvalidInput: An entry is not of the canonical form, is too large, or the key is malformed.
        """
        if not entries or not 0 < len(key) <= LONGEST_KEY:
            raise InvalidInput(f"an append needs entries and a key of 1 to {LONGEST_KEY} characters")
        for entry in entries:  # refuse a bad entry before it can share a transaction with good ones
            if len(canonical.encode(entry.document(log=log, index=0, time=0))) > MOST_ENTRY_BYTES:
                raise InvalidInput(f"an entry is larger than {MOST_ENTRY_BYTES} bytes; refer to large things by hash")
        job = _Job(log, key, entries, record)
        with self._guard:
            self._queues[log].append(job)
            first = log not in self._busy
            self._busy.add(log)
        if not first:
            job.turn.wait()
        if not job.done:
            self._lead(log)
        if job.problem is not None:
            raise job.problem
        signer = self.keys.receipts  # asked for once: each asking looks whether the key was replaced
        receipts = tuple(
            issue_append(AppendReceipt(log, entry.index, entry.leaf, job.note), signer) for entry in job.stored
        )
        return Appended(job.stored, job.note, receipts)

    def _lead(self, log: bytes) -> None:
        """Write for all who wait, then hand the log to the first of those who came meanwhile."""
        with self._guard:
            jobs = self._queues.pop(log)
        try:
            self._write(log, jobs)
        finally:
            with self._guard:
                heirs = self._queues.get(log)
                if not heirs:
                    self._busy.discard(log)
            for job in (*jobs, *(heirs or ())[:1]):
                job.turn.set()

    def _write(self, log: bytes, jobs: Sequence[_Job]) -> None:
        try:
            with self.audit.writer(log) as writer:
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
        now = self.clock.now()
        before = writer.find_all([_key(job, 0) for job in jobs])
        fresh: list[_Job] = []
        seen: dict[str, _Job] = {}
        rows: list[StoredEntry] = []
        for job in jobs:
            try:
                if job.key in seen or self._known(writer, job, before.get(_key(job, 0))):
                    self._repeat(job, seen.get(job.key))
                    continue
            except ConsentryError as problem:
                job.problem = problem
                continue
            job.stored = _stored(log, edge.size + len(rows), now, job)
            rows.extend(job.stored)
            seen[job.key] = job
            fresh.append(job)
        if not rows:
            return edge
        edge, runs = edge.extend([row.leaf for row in rows])
        writer.append(rows, _nodes(runs))
        root = edge.root()
        note = write_checkpoint(Checkpoint(log, edge.size, root), [self.keys.note_signer(log)])
        writer.checkpoint(Checkpointed(log, edge.size, root, note, now))
        for job in fresh:
            job.note = note
            if job.record is not None:
                writer.save_decision(*job.record(job.stored[0].index))
        for job in jobs:
            if job.stored and not job.note:
                job.note = note
        return edge

    def _known(self, writer: LogWriter, job: _Job, first: StoredEntry | None) -> bool:
        """Whether the job's key was used before: ``first`` came under it. Fills the job when it is the same."""
        if first is None:
            return False
        held = writer.find_all([_key(job, place) for place in range(len(job.entries) + 1)])
        if len(held) != len(job.entries):
            fewer = "fewer" if len(held) < len(job.entries) else "more"
            raise Replayed(f"the key {job.key!r} was used before for {fewer} entries; use a new key")
        stored = [held[_key(job, place)] for place in range(len(job.entries))]
        for entry, earlier in zip(job.entries, stored, strict=True):
            _same(job, entry, earlier)
        checkpoint = self.audit.checkpoint_over(job.log, stored[-1].index)
        if checkpoint is None:
            raise Conflict(f"no checkpoint holds entry {stored[-1].index}; run consentry audit fsck")
        job.stored, job.note = tuple(stored), checkpoint.note
        return True

    @staticmethod
    def _repeat(job: _Job, twin: _Job | None) -> None:
        """A key that came twice within one group takes its twin's place, if it says the same."""
        if twin is None:
            return
        if len(twin.entries) != len(job.entries):
            raise Replayed(f"the key {job.key!r} is used for other entries at this moment; use a new key")
        for entry, before in zip(job.entries, twin.stored, strict=True):
            _same(job, entry, before)
        job.stored = twin.stored


def _key(job: _Job, place: int) -> str:
    return f"{job.key}#{place}"


def _same(job: _Job, entry: NewEntry, before: StoredEntry) -> None:
    document = canonical.decode_object(before.canonical)
    time = document["time"]
    assert isinstance(time, int)
    if canonical.encode(entry.document(log=job.log, index=before.index, time=time)) != before.canonical:
        raise Replayed(f"the key {job.key!r} was used before for another entry; use a new key")


def _stored(log: bytes, size: int, now: int, job: _Job) -> tuple[StoredEntry, ...]:
    rows = []
    for place, entry in enumerate(job.entries):
        data = canonical.encode(entry.document(log=log, index=size + place, time=now))
        rows.append(StoredEntry(log, size + place, data, leaf_hash(data), _key(job, place)))
    return tuple(rows)


def _nodes(runs: Sequence[Run]) -> list[tuple[int, int, bytes]]:
    return [(run.level, run.first + place, node) for run in runs for place, node in enumerate(run.hashes)]
