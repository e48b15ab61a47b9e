"""Entries of another schema than this version writes."""

from contextlib import contextmanager

import pytest

from ledger.services import drafts


@contextmanager
def written_as(schema):
    """What is appended meanwhile says that it is of this schema."""
    _forget()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drafts, "SCHEMA", schema)
            yield
    finally:
        _forget()


def _forget():
    drafts._frame.cache_clear()
    drafts._tail.cache_clear()
