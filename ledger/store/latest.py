"""The newest act and erasure, asked at every decision: ``ports.LatestStore`` in SQL.

Invariant: whatever was committed before a call, by this process or another, is in its answer. An answer is never older
than the call that gets it: those who call at once share a question, if it began after they called.

- Of SQLite it is looked up whether anything was committed at all (``wal_index``; where that cannot be, SQLite is asked,
  on a connection of its own that writes nothing, as its own commits would not count); only then is it asked what.
- PostgreSQL is asked once for all who wait; whoever comes while a question is under way waits for the next.

Source: https://www.sqlite.org/pragma.html#pragma_data_version
"""

import sqlite3
import threading
from contextlib import suppress
from typing import Any, Final

from ledger.errors import NotReady
from ledger.ports import Latest
from ledger.store import tables
from ledger.store.database import Database
from ledger.store.tables.base import table_of
from ledger.store.wal_index import WalIndex, open_index

_LATEST: Final = (
    'SELECT (SELECT max("sequence") FROM '  # noqa: S608 - our own names
    f'{table_of(tables.OutboxItem).name}), (SELECT max("number") FROM {table_of(tables.Erasure).name})'
)
_VERSION: Final = "PRAGMA data_version"
_FILES: Final = "PRAGMA database_list"


class SqlLatest:
    """As ``LatestStore``. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ask = _Noticing(database) if database.sqlite else _Sharing(database)

    def now(self) -> Latest:
        """As ``LatestStore.now``."""
        return self._ask.now()

    def state(self) -> bytes | None:
        """What any commit changes, whoever makes it; None where that cannot be seen without asking the database.

        Whoever had nothing to do, and finds the state of before that unchanged, still has nothing to do.

        Raises:
            NotReady: The database does not answer.
        """
        return self._ask.state()

    def close(self) -> None:
        """Let go of the database."""
        self._ask.close()


class _Noticing:
    """On SQLite: asks again when a transaction was committed since."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._cursor: Any = None
        self._index: WalIndex | None = None
        self._state: object = None
        self._held = Latest(0, 0)

    def now(self) -> Latest:
        with self._lock:
            try:
                state = self._ask() if self._index is None else self._index.headers()
                if state != self._state:  # read before the rows: what is committed from now on changes it again
                    self._held, self._state = _read(self._cursor.execute(_LATEST).fetchall()), state
            except sqlite3.Error as problem:
                self._let_go()
                raise NotReady("the database does not answer; check that its file is there and has space") from problem
            return self._held

    def state(self) -> bytes | None:
        self.now()  # opens what is not open yet
        with self._lock:
            return None if self._index is None else self._index.headers()

    def _ask(self) -> object:
        """What changes with each commit."""
        if self._cursor is not None:
            return self._cursor.execute(_VERSION).fetchall()[0][0]
        self._cursor, self._state = self._database.detached().cursor(), None
        state = self._ask()
        (path,) = (path for _, name, path in self._cursor.execute(_FILES).fetchall() if name == "main")
        self._index = open_index(path)  # it stays while the connection is open
        return state if self._index is None else self._index.headers()

    def _let_go(self) -> None:
        cursor, self._cursor, self._index = self._cursor, None, None
        if cursor is not None:
            with suppress(sqlite3.Error):  # it is gone either way
                cursor.connection.close()

    def close(self) -> None:
        with self._lock:
            self._let_go()


class _Sharing:
    """On a server: one question for all who wait."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = threading.Condition()
        self._begun = 0
        self._ended = 0
        self._asking = False
        self._held = Latest(0, 0)

    def now(self) -> Latest:
        with self._changed:
            enough = self._begun + 1  # the first question that begins from here on
            while self._asking and self._ended < enough:
                self._changed.wait()
            if self._ended >= enough:
                return self._held
            self._asking = True
            self._begun = number = self._begun + 1
        try:
            held = _read(self._database.ask(_LATEST))
        except BaseException:
            with self._changed:  # one of those who wait asks again, and hears for itself what is wrong
                self._asking = False
                self._changed.notify_all()
            raise
        with self._changed:
            self._held, self._ended, self._asking = held, number, False
            self._changed.notify_all()
        return held

    def state(self) -> None:
        """A server is asked anyway."""

    def close(self) -> None:
        """Nothing is kept."""


def _read(rows: list[tuple[Any, ...]]) -> Latest:
    act, erasure = rows[0]
    return Latest(act or 0, erasure or 0)
