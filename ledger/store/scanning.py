"""Looking at the rows of a long log in several processes: a ``Scan`` for ``services.fsck``.

This process looks at rows as well, and at all of them while the others start, or where a log is short.

Invariants:

- Pages come in the order of the log and are the same pages, whoever looked at them.
- Where a process ends before it answered, or cannot read, there is an error and no page.
- No more than ``AHEAD`` stretches a process are held that were not taken in.
"""

import os
import subprocess
import sys
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Self

import msgspec

from ledger.errors import ConsentryError, NotReady
from ledger.ports import AuditStore
from ledger.services.fsck_page import STRETCH, Access, Page, Scan, look, scan_here
from ledger.store import scan_worker
from ledger.store.scan_worker import Answer, Stretch, Task, receive, send
from ledger.transparency.tiles import WIDTH

LEAST = 50_000
"""Rows of a log from which on it is worth to start processes."""
AHEAD = 8


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def scanning(audit: AuditStore, address: str, jobs: int, *, least: int = LEAST) -> Scan:
    """A way to look at rows by some processes.

    Args:
        audit: The logs, for this process.
        address: The database, for the others: see ``scan_worker.Task``.
        jobs: How many processes, this one among them.
        least: Rows of a log from which on others are started.
    """
    here = scan_here(audit)

    def scan(log: bytes, size: int, told: Mapping[int, Access]) -> Iterator[Page]:
        if jobs < 2 or size < least:
            yield from here(log, size, told)
            return
        shared = _Shared(audit, log, size, told, AHEAD * jobs)
        with ExitStack() as stack:
            for _ in range(jobs - 1):
                other = stack.enter_context(Process(Task(address, log)))
                threading.Thread(target=shared.serve, args=(other,), daemon=True).start()
            stack.callback(shared.stop)
            for place in range(shared.count):
                yield from shared.pages(place)

    return scan


class Process:
    """Another process that looks at rows of one log."""

    def __init__(self, task: Task) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", scan_worker.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._task: Task | None = task  # the address may hold a password: it is not for the command line

    def look(self, stretch: Stretch) -> list[Page]:
        """The pages of a stretch.

        Raises:
            NotReady: It ended, or cannot read.
        """
        source, sink = self._process.stdin, self._process.stdout
        if source is None or sink is None:
            raise NotReady("a process to read the log with has no pipes; check again with --jobs 1")
        try:
            if self._task is not None:
                send(source, self._task)
                self._task = None
            send(source, stretch)
            answer = receive(sink, Answer)
        except (OSError, ValueError, msgspec.MsgspecError) as problem:
            raise NotReady(
                f"a process that read the log broke off ({problem}); check again, or with --jobs 1"
            ) from problem
        if answer is None:
            raise NotReady("a process that read the log ended too early; check again, or with --jobs 1")
        if answer.problem:
            raise NotReady(answer.problem)
        return answer.pages

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):  # what was not sent is not missed
                    stream.close()
        self._process.wait()


class _Shared:
    """The stretches of a log, and who has looked at which; for the thread that takes pages in, and one a process."""

    def __init__(self, audit: AuditStore, log: bytes, size: int, told: Mapping[int, Access], ahead: int) -> None:
        self._audit = audit
        self._log = log
        self._size = size
        self._told, self._told_at = dict(told), sorted(told)
        self._ahead = ahead
        self._changed = threading.Condition()
        self._next = self._place = 0  # the first stretch that nobody took, and the one that is waited for
        self._seen: dict[int, list[Page]] = {}
        self._problem: ConsentryError | None = None
        self.count = -(-size // STRETCH)

    def pages(self, place: int) -> list[Page]:
        """The pages of the next stretch; until they are there, others are looked at.

        Raises:
            NotReady: A process ended before it answered, or rows cannot be read.
        """
        with self._changed:
            self._place = place
            self._changed.notify_all()
        while True:
            with self._changed:
                if self._problem is not None:
                    raise self._problem
                if place in self._seen:
                    return self._seen.pop(place)
                mine = self._take()
                if mine is None:
                    self._changed.wait()
                    continue
            stretch = self._stretch(mine)
            rows = self._audit.rows(self._log, stretch.first, stretch.last, WIDTH)
            self._seen[mine] = list(look(self._log, rows, stretch.told))

    def serve(self, other: Process) -> None:
        """Let another process look at stretches until all are taken."""
        try:
            while True:
                with self._changed:
                    while (mine := self._take()) is None:
                        if self._next == self.count or self._problem is not None:
                            return
                        self._changed.wait()
                seen = other.look(self._stretch(mine))
                with self._changed:
                    self._seen[mine] = seen
                    self._changed.notify_all()
        except ConsentryError as problem:
            self._give_up(problem)
        except BaseException as problem:
            self._give_up(NotReady(f"the log could not be read ({type(problem).__name__}); check again with --jobs 1"))
            raise

    def _give_up(self, problem: ConsentryError) -> None:
        with self._changed:
            self._problem = problem
            self._changed.notify_all()

    def stop(self) -> None:
        """Let nobody take any more."""
        with self._changed:
            self._next = self.count
            self._changed.notify_all()

    def _take(self) -> int | None:
        """Take the first stretch that nobody took, unless it is too far ahead."""
        if self._next >= min(self.count, self._place + self._ahead):
            return None
        self._next += 1
        return self._next - 1

    def _stretch(self, place: int) -> Stretch:
        first, last = place * STRETCH, min((place + 1) * STRETCH, self._size)
        told = self._told_at[bisect_left(self._told_at, first) : bisect_left(self._told_at, last)]
        return Stretch(first, last, {index: self._told[index] for index in told})
