"""SQLite's write-ahead log (WAL), copied into the database beside its writers.

SQLite does so within a commit, once the WAL is long enough: that one commit takes a fifth of a second. Here a thread of
its own copies, and the commits of its own process go on meanwhile.

Invariants: a commit is on the disk before it is acknowledged, whatever this does or leaves undone; who wants all of
the WAL gone (an erasure) is let past between two copies.

Source: https://www.sqlite.org/wal.html#ckpt
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ledger.errors import ConsentryError

LONG = 4 * 1024 * 1024
"""From how many bytes on the WAL is copied: its own default, 1,000 pages, below which nothing is gained."""
_MANY = 1_000
"""Frames since it last began anew that show a writer in full swing, who is to find a file that needs not grow."""
_SWIFT = 2_000
"""Frames since the last copy that show a writer who takes in very much, and whom the rest would keep waiting."""
_MOST = 8_192
"""Frames from which on they wait nevertheless: 32 MiB."""
_PAUSE = 0.2
"""Seconds between two copies; each waits for the disk."""
_PATIENCE = 20
"""Milliseconds that readers may keep the WAL from beginning anew; writers wait that long."""


class WalKeeper:
    """Keeps the WAL of one database short. Thread-safe.

    Args:
        database: The database's file.
        connect: Opens a connection to it, in autocommit.
        writer: Held by those of this process who write.
    """

    def __init__(self, database: str, connect: Callable[[], Any], writer: threading.Lock) -> None:
        self._file = Path(f"{database}-wal")
        self._connect = connect
        self._writer = writer
        self._copying = threading.Lock()
        self._starting = threading.Lock()
        self._asked = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._frames = 0

    def wrote(self) -> None:
        """To be called after each commit, with no lock held. Raises nothing: what was committed stands."""
        if self._asked.is_set() or not self._is_long():
            return
        self._asked.set()
        if self._thread is not None:
            return
        with self._starting:  # not ``_copying``: who commits does not wait for a copy that is under way
            if self._thread is None and not self._closed.is_set():
                thread = threading.Thread(target=self._run, name="wal", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # there are too many; the next commit tries again
                    self._asked.clear()
                else:
                    self._thread = thread

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While the block runs, this process copies nothing."""
        with self._copying:
            yield

    def close(self) -> None:
        """End; what is not copied stays in the WAL."""
        self._closed.set()
        self._asked.set()
        with self._starting:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _is_long(self) -> bool:
        try:
            return self._file.stat().st_size >= LONG
        except OSError:  # it is not there, or cannot be looked at; SQLite copies it then, when it is very long
            return False

    def _run(self) -> None:
        try:
            connection = self._connect()
        except ConsentryError:  # too many files are open, say: a later commit tries again
            with self._starting:
                self._thread = None
            self._asked.clear()
            return
        with closing(connection):
            connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
            while self._asked.wait() and not self._closed.is_set():
                self._asked.clear()
                with self._copying:
                    self._copy(connection)
                self._closed.wait(_PAUSE)

    def _copy(self, connection: sqlite3.Connection) -> None:
        """Copy what is there while others write, then the rest while they wait, so that the WAL can begin anew.

        Where the rest is likely to be much, it is left for the next time.
        """
        try:
            _, frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            new, self._frames = frames - self._frames, frames
            if new > _SWIFT and frames < _MOST:
                self._asked.set()  # to look again, should nobody write any more
                return
            with self._writer:
                connection.execute(f"PRAGMA wal_checkpoint({'RESTART' if frames >= _MANY else 'TRUNCATE'})").fetchone()
            self._frames = 0
        except sqlite3.Error:
            return  # the disk may be full: who writes next is told, and nothing that was promised is lost
