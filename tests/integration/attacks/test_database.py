"""Whoever owns the mirror's database can write what they like into it; the chain names the row."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.errors import MirrorDiverged
from ledger.services.mirror_verify import verify_mirror
from ledger.services.sync import Mirror
from ledger.store.store import Store
from tests.fakes.chain import FakeClock
from tests.support.stage import Stage
from tests.support.stores import open_store

# Each changes what is decided: one statement of SQL, with the victim's subject and consents to fill in.
FORGERIES = {
    "a withdrawal is hidden": ("consent", "UPDATE consent SET to_block = NULL WHERE id = :ended AND state = 1"),
    "a consent is called withdrawn": ("consent", "UPDATE consent SET state = 2 WHERE id = :permit"),
    "a permit is changed": (
        "consent",
        "UPDATE consent SET scope_operations = 3, scope_categories = 1 WHERE id = :permit",
    ),
    "a deny is turned into a permit": ("consent", "UPDATE consent SET scope_effect = 1 WHERE id = :deny"),
    "a consent is taken away": ("consent", "DELETE FROM consent WHERE id = :deny"),
    "a consent is given to another subject": ("consent", "UPDATE consent SET subject = :other WHERE id = :permit"),
    "an event is taken away": ("event", "DELETE FROM event WHERE rowid = (SELECT max(rowid) FROM event)"),
}


@pytest.fixture
def copy(stage: Stage, tmp_path: Path) -> Iterator[tuple[Store, Path]]:
    """A fresh mirror of the stage's chain, and the file behind it."""
    path = tmp_path / "mirror.db"
    store = open_store(f"sqlite:///{path}")
    Mirror(stage.chain.reader, store.mirror, FakeClock()).catch_up()
    verify_mirror(stage.chain.reader, store.mirror)
    yield store, path
    store.close()


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_row_is_named(stage: Stage, copy: tuple[Store, Path], forgery: str):
    store, path = copy
    table, statement = FORGERIES[forgery]
    values = {
        "permit": stage.permit.id,
        "deny": stage.deny.id,
        "ended": stage.ended.id,
        "other": bytes(31) + b"\x01",
    }
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute(statement, values).rowcount == 1, "the forgery was made"
    with pytest.raises(MirrorDiverged, match=f"(?i)^(table )?{table}"):
        verify_mirror(stage.chain.reader, store.mirror)
    assert stage.answered()[0].permitted, "and the chain, asked itself, answers as before"
