"""Fixtures of the conformance suites."""

from tests.fixtures_store import (
    empty_postgresql_url,
    postgresql_server,
    postgresql_url,
    sqlite_url,
    store,
    url,
)

__all__ = ["empty_postgresql_url", "postgresql_server", "postgresql_url", "sqlite_url", "store", "url"]
