"""``consentry mirror status`` and ``consentry mirror verify``, as an operator sees them."""

import pytest

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.domain.identifiers import to_hex
from tests.support.command import run
from tests.support.house import build
from tests.support.scene import Patient


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house") / "home"
    build(folder, [Patient()])
    return folder


@pytest.fixture
def command(home, monkeypatch, capsys):
    monkeypatch.setenv("CONSENTRY_HOME", str(home))
    return lambda *arguments: run(monkeypatch, capsys, *arguments)


def test_the_status_names_block_head_lag_digest_and_writer(home, command):
    with open_ledger(Settings(home=home)) as ledger:
        ledger.catch_up()
        cursor = ledger.context.mirror.cursor()
    code, shown, _ = command("mirror", "status", "--seconds", 0)
    assert code == 0
    assert shown.count(f"block {cursor.block.number} {to_hex(cursor.block.hash)}") == 2
    assert to_hex(cursor.digest) in shown
    assert "0 blocks" in shown
    assert "embedded, number" in shown


def test_the_status_of_an_empty_copy_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CONSENTRY_HOME", str(tmp_path))
    with open_ledger(Settings(home=tmp_path)):
        pass
    code, shown, _ = run(monkeypatch, capsys, "mirror", "status", "--seconds", 0)
    assert code == 0
    assert "empty" in shown
    assert "nobody" in shown


def test_a_copy_that_holds_is_verified(home, command):
    with open_ledger(Settings(home=home)) as ledger:
        ledger.catch_up()
    code, shown, _ = command("mirror", "verify")
    assert code == 0
    assert shown.startswith("Equal: ")
