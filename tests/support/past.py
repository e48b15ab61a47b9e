"""A past that is made once a module, and a copy of it for each test, open or not. Import ``past`` and ``shown``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from tests.support.exhibit import Exhibit, exhibit


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """The data folder, closed, and what was done in it."""
    home = tmp_path_factory.mktemp("past") / "home"
    with exhibit(home) as made:
        return home, made


@pytest.fixture
def shown(past, tmp_path):
    """A copy of the past, open, under ``tmp_path / "home"``."""
    with opened(past, tmp_path / "home") as copy:
        yield copy


@contextmanager
def opened(past: tuple[Path, Exhibit], home: Path) -> Iterator[Exhibit]:
    """A copy of the past in a folder, open."""
    original, made = past
    copytree(original, home)
    with open_ledger(Settings(home=home)) as ledger:
        ledger.catch_up()
        yield replace(made, ledger=ledger, answers=list(made.answers))
