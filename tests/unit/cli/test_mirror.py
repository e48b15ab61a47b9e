"""``consentry mirror status``, ``run`` and ``verify``, as an operator sees them."""

import time

import pytest

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.domain.identifiers import to_hex
from tests.support.command import run
from tests.support.house import build
from tests.support.scene import Patient
from tests.support.stores import open_store


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
    _, shown, _ = command("mirror", "status", "--seconds", 0)
    assert "nobody" in shown


def test_the_status_of_an_empty_copy_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CONSENTRY_HOME", str(tmp_path))
    with open_ledger(Settings(home=tmp_path)):
        pass
    code, shown, _ = run(monkeypatch, capsys, "mirror", "status", "--seconds", 0)
    assert code == 0
    assert "empty" in shown
    assert "nobody" in shown


def test_a_run_brings_an_empty_copy_to_the_newest_block(home, tmp_path, command, monkeypatch):
    with open_ledger(Settings(home=home)) as ledger:
        ledger.catch_up()
        cursor = ledger.context.mirror.cursor()
    monkeypatch.setenv("CONSENTRY_DATABASE_URL", f"sqlite:///{tmp_path / 'copy.sqlite'}")
    for _ in range(2):
        code, shown, _ = command("mirror", "run")
        assert (code, shown.split()) == (
            0,
            f"At block {cursor.block.number} {to_hex(cursor.block.hash)}; digest {to_hex(cursor.digest)}.".split(),
        )
    assert "nobody" in command("mirror", "status", "--seconds", 0)[1]


def test_a_run_leaves_the_copy_to_the_service_that_writes_it(home, tmp_path, command, monkeypatch):
    address = f"sqlite:///{tmp_path / 'copy.sqlite'}"
    monkeypatch.setenv("CONSENTRY_DATABASE_URL", address)
    store = open_store(address)
    store.mirror.lease("a service", at=int(time.time()), seconds=600)
    store.close()
    code, _, said = command("mirror", "run")
    assert code == 1
    assert "a service writes the copy" in said


def test_a_copy_that_holds_is_verified(home, command):
    with open_ledger(Settings(home=home)) as ledger:
        ledger.catch_up()
    code, shown, _ = command("mirror", "verify")
    assert code == 0
    assert shown.startswith("Equal: ")


def test_of_the_embedded_chain_nothing_is_said_to_be_proved(home, command):
    with open_ledger(Settings(home=home)) as ledger:
        ledger.catch_up()
    code, shown, _ = command("mirror", "verify", "--samples", 3)
    assert code == 0
    assert "Not proved from the contract's storage: the embedded chain gives no such proofs." in shown
    assert command("mirror", "verify", "--samples", -3)[0] == 2
