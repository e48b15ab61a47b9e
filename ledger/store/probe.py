"""One small question that is asked at every decision, past SQLAlchemy.

Invariants: an answer shows every transaction that committed before it was asked, of this process or another; a
connection that broke is opened once more, and then the answer is an error.
"""

import threading
from contextlib import suppress
from typing import Any

from ledger.errors import NotReady
from ledger.store.database import Database


class Probe:
    """A prepared question for one number, on a connection that is kept. Thread-safe.

    Args:
        database: Where to ask.
        question: SQL without parameters that gives one row with one number, or null.
    """

    def __init__(self, database: Database, question: str) -> None:
        self._database = database
        self._question = question
        self._lock = threading.Lock()
        self._connection: Any = None

    def ask(self) -> int | None:
        """The number as of now.

        Raises:
            NotReady: The database does not answer.
        """
        with self._lock:
            try:
                return self._ask()
            except self._database.driver_error:
                self._drop()  # the server may have closed a connection that nobody used for long
            try:
                return self._ask()
            except self._database.driver_error as problem:
                self._drop()
                raise NotReady("the database does not answer; check that it runs") from problem

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _ask(self) -> int | None:
        if self._connection is None:
            self._connection = self._database.kept()
        row = self._connection.execute(self._question).fetchone()
        number: int | None = row[0]
        return number

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(self._database.driver_error):  # it is gone either way
                connection.close()
