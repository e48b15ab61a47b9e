"""``consentry subject erase`` and ``consentry vault rotate``, run on a ledger as an operator does."""

import pytest

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.domain.identifiers import to_hex
from ledger.domain.vault import LocalRecord
from tests.support.command import run
from tests.support.house import build
from tests.support.scene import Patient


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    home, patients = tmp_path_factory.mktemp("house") / "home", [Patient() for _ in range(2)]
    scene = build(home, patients)
    with open_ledger(Settings(home=home)) as ledger:
        for number, patient in enumerate(patients):
            ledger.context.vault.put(scene.institution, patient.subject, LocalRecord(f"MRN-{number}"))
    return home, scene, patients


@pytest.fixture
def command(place, monkeypatch, capsys):
    monkeypatch.setenv("CONSENTRY_HOME", str(place[0]))
    return lambda *arguments: run(monkeypatch, capsys, *arguments)


def test_a_subject_is_erased_and_again_is_the_same(place, command):
    home, scene, (first, second) = place
    code, out, _ = command("subject", "erase", to_hex(first.subject))
    assert code == 0
    assert out.startswith(f"{to_hex(first.subject)}: erased at ")
    assert command("subject", "erase", to_hex(first.subject)) == (0, out, "")
    with open_ledger(Settings(home=home), writable=False) as ledger:
        assert ledger.context.vault.get(scene.institution, first.subject) is None
        assert ledger.context.vault.get(scene.institution, second.subject) == LocalRecord("MRN-1")


def test_an_unknown_subject_stops_before_anything_is_erased(place, command):
    home, scene, (_, second) = place
    code, _, error = command("subject", "erase", to_hex(second.subject), "0x" + "77" * 32)
    assert code == 1
    assert "nothing was erased" in error
    assert command("subject", "erase", "0x12")[0] == 2
    with open_ledger(Settings(home=home), writable=False) as ledger:
        assert ledger.context.vault.get(scene.institution, second.subject) is not None


def test_the_vault_comes_under_a_new_key(place, command):
    home, scene, (_, second) = place
    before = {path.read_bytes() for path in (home / "keys" / "vault").iterdir()}
    code, out, _ = command("vault", "rotate")
    assert code == 0
    assert "under a new key" in out
    (after,) = [path.read_bytes() for path in (home / "keys" / "vault").iterdir()]
    assert after not in before
    with open_ledger(Settings(home=home), writable=False) as ledger:
        assert ledger.context.vault.find(scene.institution, "MRN-1") == second.subject
