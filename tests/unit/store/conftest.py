"""Fixtures of the store's unit tests."""

from tests.fixtures_store import sqlite_url

__all__ = ["sqlite_url"]
