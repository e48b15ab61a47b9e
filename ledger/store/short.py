"""Short questions past SQLAlchemy, on connections that are kept: where one row is looked up at every request.

Building, caching and wrapping a statement costs SQLAlchemy about half a millisecond; the question itself takes SQLite
some microseconds.

Invariants: each question, or group of them, is a transaction of its own, so that it shows every transaction that
committed before it, of this process or another; a connection that broke is opened once more, and then the answer is an
error.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ledger.errors import NotReady

MOST_KEPT = 16
Question = tuple[str, Sequence[Any]]
"""A statement and the values of its parameters."""


class ShortQuestions:
    """Asks them. Thread-safe: a connection serves one question at a time.

    Args:
        connect: Opens a connection of the bare driver, in autocommit.
        error: The base of the driver's errors.
        mark: How the driver writes a parameter.
    """

    def __init__(self, connect: Callable[[], Any], error: type[Exception], mark: str) -> None:
        self._connect = connect
        self._error = error
        self._mark = mark
        self._statements: dict[str, str] = {}
        self._idle: list[Any] = []
        self._closed = False

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows.

        Args:
            statement: SQL; its parameters are written ``?``, which stands nowhere else in it.
            values: One a parameter.

        Raises:
            NotReady: The database does not answer.
        """
        return self.ask_each(statement, (values,))[0]

    def ask_each(self, statement: str, each: Sequence[Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        """The rows of one question for each of several values; as ``ask_all``."""
        return self.ask_all([(statement, values) for values in each])

    def ask_all(self, questions: Sequence[Question]) -> list[list[tuple[Any, ...]]]:
        """The rows of several questions, in order; all in one transaction and one way there.

        Args:
            questions: Statements as for ``ask``, each with its values.

        Raises:
            NotReady: The database does not answer.
        """
        written = [(self._written(statement), values) for statement, values in questions]
        try:
            return self._ask(written)
        except self._error:  # a server may have closed connections that nobody used for long
            self._drop()
        try:
            return self._ask(written)
        except self._error as problem:
            raise NotReady("the database does not answer; check that it runs and has space") from problem

    def close(self) -> None:
        """Close the connections."""
        self._closed = True
        self._drop()

    def _written(self, statement: str) -> str:
        written = self._statements.get(statement)
        if written is None:
            written = self._statements[statement] = statement.replace("?", self._mark)
        return written

    def _ask(self, questions: Sequence[Question]) -> list[list[tuple[Any, ...]]]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            rows = _rows(connection, questions)
        except BaseException:
            self._end(connection)
            raise
        if len(self._idle) < MOST_KEPT and not self._closed:
            self._idle.append(connection)
        else:
            self._end(connection)
        return rows

    def _drop(self) -> None:
        while self._idle:
            with suppress(IndexError):
                self._end(self._idle.pop())

    def _end(self, connection: Any) -> None:
        with suppress(self._error):  # it is gone either way
            connection.close()


def _rows(connection: Any, questions: Sequence[Question]) -> list[list[tuple[Any, ...]]]:
    if len(questions) == 1:
        return [connection.execute(*questions[0]).fetchall()]
    if isinstance(connection, sqlite3.Connection):
        connection.execute("BEGIN")  # or each question would take and give back the lock
        found = [connection.execute(*question).fetchall() for question in questions]
        connection.execute("COMMIT")
        return found
    with connection.pipeline():  # psycopg: all questions go out before the first answer is waited for
        cursors = [connection.execute(*question) for question in questions]
        return [cursor.fetchall() for cursor in cursors]
