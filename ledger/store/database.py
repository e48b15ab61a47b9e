"""One database, SQLite or PostgreSQL: its connections, its transactions and its errors.

Invariants:

- A transaction that ended well is on the disk (SQLite: WAL with synchronous FULL; PostgreSQL: synchronous_commit), but
  for those that asked for less; they are there whole or not at all, and with all that was written before them.
- A writing transaction on SQLite holds the write lock from its first statement (BEGIN IMMEDIATE), so that it never
  fails half-way on a lock; a reading one sees one state of the database throughout (PostgreSQL: REPEATABLE READ).
- Only errors of ``ledger.errors`` get out, and no parameter of a statement is in their words.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, exc, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL

from ledger.errors import ConfigurationError, Conflict, NotReady
from ledger.store import bulk
from ledger.store.short import Question, ShortQuestions
from ledger.store.wal import WalKeeper

LOCK_SECONDS = 30
_PAUSE = 0.005  # seconds between two tries for a lock that SQLite does not wait for
_SHORT_PAUSE = 0.001  # and for the lock of a writer, which others hold for some milliseconds
OLDEST_POSTGRESQL = 150_000
_WRITING = "consentry_writing"
_DURABLE, _SOON = "FULL", "NORMAL"  # SQLite's ``synchronous``
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


class Database:
    """Connections to one database, shared by all threads of a process.

    Args:
        url: SQLAlchemy address: ``sqlite:///path`` or ``postgresql://user@host/name``.

    Raises:
        ConfigurationError: The address is of another kind of database, or of none.
    """

    def __init__(self, url: str) -> None:
        target = _normal(url)
        self.sqlite = target.get_backend_name() == "sqlite"
        self._target = target
        self._engine = _open(target, sqlite=self.sqlite)
        self._writer = threading.Lock()
        self._wal = WalKeeper(str(target.database), self.detached, self._writer) if self.sqlite else None
        self._reading: dict[str, Any] = {} if self.sqlite else _SNAPSHOT
        driver: Any = self._engine.dialect.loaded_dbapi
        self._short = ShortQuestions(self.detached, driver.Error, "?" if self.sqlite else "%s")

    @property
    def address(self) -> str:
        """Where a bare driver finds it, to read from it: SQLite's ``file:`` address, or libpq's ``postgresql:`` one."""
        if self.sqlite:
            return f"{Path(str(self._target.database)).absolute().as_uri()}?mode=ro"
        return self._target.set(drivername="postgresql").render_as_string(hide_password=False)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads one state of the database.

        Raises:
            NotReady: The database cannot be reached.
        """
        with self._transaction(self._reading) as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction that writes: durable when the block ends, undone when it raises.

        Args:
            durable: False for what can be made again from elsewhere, and need not wait for the disk: a power loss may
                take it back until the next durable transaction, of whomever, has ended.

        Raises:
            NotReady: The database cannot be reached, or another writer holds it for longer than ``LOCK_SECONDS``.
            Conflict: The rows contradict what is there.
        """
        if self.sqlite and not self._writer.acquire(timeout=LOCK_SECONDS):
            raise NotReady(f"another thread has been writing to the database for {LOCK_SECONDS} s; try again")
        try:
            with self._transaction({_WRITING: _DURABLE if durable else _SOON}) as connection:
                if not (durable or self.sqlite):
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection
        finally:
            if self.sqlite:
                self._writer.release()
        if self._wal is not None:
            self._wal.wrote()

    @contextmanager
    def _transaction(self, options: dict[str, Any]) -> Iterator[Connection]:
        with _translated(), self._engine.connect() as connection:
            try:
                with connection.execution_options(**options).begin():
                    yield connection
            except BaseException:
                if self.sqlite:  # a result that was not read to its end would keep this old state open in the pool
                    connection.invalidate()
                raise

    def insert(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Add plain rows in bulk, past the ORM; see ``store.bulk``."""
        quote = connection.dialect.identifier_preparer
        into = f"{quote.format_table(table)} ({', '.join(map(quote.quote, columns))})"
        with driver_cursor(connection) as cursor:
            if self.sqlite:
                bulk.insert(cursor, into, rows)
                return
            types = [table.c[name].type.compile(connection.dialect).lower() for name in columns]
            bulk.copy(cursor, into, types, rows)

    def run_many(self, connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement for many rows of plain values, past SQLAlchemy; returns how many rows it changed.

        Its parameters are written ``?``, which stands nowhere else in it.
        """
        if rows:
            with driver_cursor(connection) as cursor:
                cursor.executemany(statement if self.sqlite else statement.replace("?", "%s"), rows)
                changed: int = cursor.rowcount
                return changed
        return 0

    def ask_in(self, connection: Connection, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """As ``ask``, in a transaction that is under way."""
        with driver_cursor(connection) as cursor:
            cursor.execute(statement if self.sqlite else statement.replace("?", "%s"), values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of one short question, past SQLAlchemy; a transaction of its own.

        Args:
            statement: SQL; its parameters are written ``?``, which stands nowhere else in it.
            values: One a parameter.

        Raises:
            NotReady: The database cannot be reached.
        """
        return self._short.ask(statement, values)

    def ask_each(self, statement: str, each: Sequence[Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        """As ``ask``, for each of several values; one transaction."""
        return self._short.ask_each(statement, each)

    def ask_all(self, questions: Sequence[Question]) -> list[list[tuple[Any, ...]]]:
        """As ``ask``, for several questions; one transaction."""
        return self._short.ask_all(questions)

    def scrub(self, tables: Sequence[Table]) -> None:
        """Take deleted rows out of the files.

        SQLite overwrote them in its pages (``secure_delete``); older pages go with the write-ahead log. PostgreSQL
        writes the files of these tables anew, which locks them meanwhile; its write-ahead log keeps older pages until
        it is recycled.

        Raises:
            NotReady: Others keep the database busy; try again.
        """
        if self._wal is not None:
            latest = time.monotonic() + LOCK_SECONDS
            with self._wal.paused():
                # SQLite waits for readers and writers, but not for another process that copies the log.
                while busy := self.ask("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
                    if time.monotonic() > latest:
                        break
                    time.sleep(_PAUSE)
            if busy:
                raise NotReady("the database is read and written without a pause; erase again to clean its files")
            return
        driver: Any = self._engine.dialect.loaded_dbapi
        with closing(self.detached()) as connection:
            try:
                for table in tables:
                    connection.execute(f"VACUUM (FULL) {table.name}")
            except driver.Error as problem:
                raise NotReady("the database could not clean its files now; erase again to try once more") from problem

    def check_server(self) -> None:
        """Refuse a PostgreSQL server that is too old, or set to say that something is durable before it is.

        Raises:
            ConfigurationError: It is.
            NotReady: It does not answer.
        """
        if self.sqlite:
            return
        with self.reading() as connection:
            version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
            if version < OLDEST_POSTGRESQL:
                raise ConfigurationError(f"PostgreSQL {version // 10_000} is too old; use 15 or later")
            if connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "off":
                raise ConfigurationError("synchronous_commit is off, so that accepted acts could be lost; turn it on")

    def close(self) -> None:
        """Close all connections."""
        if self._wal is not None:
            self._wal.close()
        self._short.close()
        self._engine.dispose()

    def detached(self) -> Any:
        """A connection of the bare driver in autocommit, for others to keep: ``ShortQuestions``, ``SqlLatest``."""
        with _translated():
            pooled = self._engine.raw_connection()
            bare: Any = pooled.driver_connection
            pooled.detach()
        if not self.sqlite:
            bare.autocommit = True
        return bare


def insert_if_new(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that does nothing where the row is there already."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def _normal(url: str) -> URL:
    try:
        target = make_url(url)
    except exc.ArgumentError as problem:
        raise ConfigurationError("CONSENTRY_DATABASE_URL is not a database address; see the README") from problem
    backend = target.get_backend_name()
    if backend == "sqlite":
        if not target.database or target.database == ":memory:":
            raise ConfigurationError("a SQLite database needs a file: write sqlite:///folder/consentry.db")
        return target
    if backend in {"postgresql", "postgres"}:
        return target.set(drivername="postgresql+psycopg")
    raise ConfigurationError(f"{backend} is not supported: use a sqlite:/// or postgresql:// address")


def _open(target: URL, *, sqlite: bool) -> Engine:
    common: dict[str, Any] = {
        "hide_parameters": True,
        "pool_size": 16,
        "pool_use_lifo": True,  # the one used last knows the statements, and still has pages
        "max_overflow": 48,
        "pool_timeout": LOCK_SECONDS,
    }
    if not sqlite:
        try:
            return create_engine(target, pool_pre_ping=True, connect_args={"connect_timeout": LOCK_SECONDS}, **common)
        except ImportError as problem:
            raise ConfigurationError("PostgreSQL needs the extra: pip install 'consentry[postgres]'") from problem
    engine = create_engine(target, connect_args={"check_same_thread": False, "timeout": LOCK_SECONDS}, **common)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    """Settings of a fresh SQLite connection; transactions are begun by ``_begin`` alone."""
    connection.isolation_level = None
    _turn_on_wal(connection)
    for setting in (
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {LOCK_SECONDS * 1000}",
        "wal_autocheckpoint = 50000",  # ``WalKeeper`` is far ahead of that, as long as it lives
        "cache_size = -65536",
        "temp_store = MEMORY",
        "secure_delete = ON",  # what is deleted is overwritten: an erasure must reach the file
    ):
        connection.execute(f"PRAGMA {setting}")


def _turn_on_wal(connection: sqlite3.Connection) -> None:
    """Set the journal mode, which the file keeps; SQLite itself does not wait when two connections set it at once."""
    _once_free(connection, "PRAGMA journal_mode = WAL", _PAUSE)


def _once_free(connection: sqlite3.Connection | sqlite3.Cursor, statement: str, pause: float) -> None:
    """Run a statement as soon as nobody else holds the file, asking again after each ``pause`` (seconds)."""
    latest = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > latest:
                raise
            time.sleep(pause)
        else:
            return


def _begin(connection: Connection) -> None:
    synchronous = connection.get_execution_options().get(_WRITING)
    if synchronous is None:
        connection.exec_driver_sql("BEGIN")
        return
    # SQLite waits for another process by sleeping up to a tenth of a second at a time, in which the file lies idle.
    with driver_cursor(connection) as cursor:
        cursor.execute(f"PRAGMA synchronous = {synchronous}")  # it cannot be set within a transaction
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            _once_free(cursor, "BEGIN IMMEDIATE", _SHORT_PAUSE)
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")


@contextmanager
def driver_cursor(connection: Connection) -> Iterator[Any]:
    """A cursor of the bare driver; its errors come dressed as SQLAlchemy dresses them."""
    driver: Any = connection.dialect.loaded_dbapi
    bare: Any = connection.connection.driver_connection
    try:
        with closing(bare.cursor()) as cursor:
            yield cursor
    except driver.IntegrityError as problem:
        raise exc.IntegrityError(None, None, problem) from problem
    except driver.Error as problem:
        raise exc.DBAPIError(None, None, problem) from problem


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.IntegrityError as problem:
        raise Conflict(f"the database refused a row that contradicts another: {_words(problem)}") from problem
    except exc.TimeoutError as problem:
        raise NotReady("all database connections are in use; try again") from problem
    except exc.DBAPIError as problem:
        raise NotReady(
            f"the database does not answer ({_words(problem)}); check that it runs and has space"
        ) from problem
    except exc.SQLAlchemyError as problem:
        raise NotReady(f"the database does not answer ({problem}); check its address") from problem


def _words(problem: exc.DBAPIError) -> str:
    """The first line of the driver's message: PostgreSQL puts the values of the row into the later ones."""
    return str(problem.orig).partition("\n")[0]
