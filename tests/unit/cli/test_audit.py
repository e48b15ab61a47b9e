"""``consentry audit fsck``, asked about one log."""

import pytest

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.domain.identifiers import to_hex
from tests.support.command import run
from tests.support.house import build
from tests.support.scene import Patient


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    home = tmp_path_factory.mktemp("house") / "home"
    scene = build(home, [Patient()])
    with open_ledger(Settings(home=home)) as ledger:
        ledger.catch_up()
    return home, scene


def test_a_log_that_nobody_has_is_not_called_sound(place, monkeypatch, capsys):
    home, scene = place
    monkeypatch.setenv("CONSENTRY_HOME", str(home))
    code, out, _ = run(monkeypatch, capsys, "audit", "fsck", to_hex(scene.institution))
    assert (code, "sound" in out) == (0, True)
    code, out, err = run(monkeypatch, capsys, "audit", "fsck", to_hex(scene.study))
    assert (code, "sound" in out) == (1, False)
    assert "is no institution, so it has no log" in err
