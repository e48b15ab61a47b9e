"""What a witness remembers: the last head that it signed of each log, in one SQLite file.

Invariant: a head is on the disk before its signature leaves, and it replaces only the very head that its proof led
from; so two processes on one file never sign two branches.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import NotReady
from ledger.transparency.hashing import EMPTY_ROOT
from ledger.transparency.witness import Head

LOCK_SECONDS = 30


class WitnessMemory:
    """Heads by origin.

    Args:
        path: The file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        with self._writing() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS head (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL)"
            )

    def last(self, origin: str) -> Head:
        """The last head signed of a log; the empty log's where there is none."""
        with self._writing() as connection:
            return _last(connection, origin)

    def advance(self, last: Head, head: Head) -> bool:
        """Put ``head`` in the place of ``last``; False if another head is there by now."""
        with self._writing() as connection:
            held = _last(connection, head.origin)
            if (held.size, held.root) != (last.size, last.root):
                return False
            connection.execute("INSERT OR REPLACE INTO head VALUES (?, ?, ?)", (head.origin, head.size, head.root))
            return True

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._path, timeout=LOCK_SECONDS, isolation_level=None)
        except sqlite3.Error as problem:
            raise NotReady(f"the witness's memory cannot be opened: {problem}") from problem
        try:
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection
        except sqlite3.Error as problem:
            raise NotReady(f"the witness's memory cannot be used: {problem}; check its disk") from problem
        finally:
            connection.close()


def _last(connection: sqlite3.Connection, origin: str) -> Head:
    row = connection.execute("SELECT size, root FROM head WHERE origin = ?", (origin,)).fetchone()
    return Head(origin, 0, EMPTY_ROOT) if row is None else Head(origin, row[0], bytes(row[1]))
