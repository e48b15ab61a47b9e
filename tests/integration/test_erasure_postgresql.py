"""Erasure on PostgreSQL: what was destroyed is out of the files of its tables too, not only out of their rows."""

from pathlib import Path

import psycopg
import pytest

from tests.conformance.test_vault_store import decide, destroy, id_of, row
from tests.fixtures_store import postgresql_server, postgresql_url
from tests.support.stores import open_store

__all__ = ["postgresql_server", "postgresql_url"]


@pytest.fixture
def files(postgresql_url):
    """Reads all table files of the server, with what is in its memory written to them first."""

    def read():
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            folder = Path(connection.execute("SHOW data_directory").fetchone()[0])
        return b"".join(path.read_bytes() for path in (folder / "base").rglob("*") if path.is_file())

    return read


def test_the_tables_files_hold_nothing_of_an_erased_row(postgresql_url, files):
    store = open_store(postgresql_url)
    victim, other = row(1), row(2)
    store.vault.put(victim)
    store.vault.put(other)
    decide(store, 1, [1, 2])
    length = bytes([2 * (16 + 1) + 1])  # of the salt, as PostgreSQL writes it before a short value
    traces = [victim.data, victim.key.data, id_of(1) + length + bytes([1]) * 16]
    before = files()
    assert [trace in before for trace in traces] == [True] * 3
    destroy(store, 1)
    store.erasures.scrub()
    after = files()
    assert [trace in after for trace in traces] == [False] * 3
    assert other.data in after
    store.close()
