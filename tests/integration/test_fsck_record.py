"""What a check of the stored log found is written into it: of what was checked, and never instead of telling."""

from shutil import copytree

import pytest

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from ledger.errors import NotReady
from ledger.services.fsck import check_log
from ledger.services.records import record_fsck
from ledger.store import scanning
from ledger.transparency import canonical
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.tree import root_of
from tests.support.command import run
from tests.support.past import past, shown
from tests.support.tampering import sql

__all__ = ["past", "shown"]


def spoil(home, *statements):
    with sql(home) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount


def recorded(shown, health):
    (entry,) = record_fsck(shown.ledger.context, shown.ledger.appender, health).entries
    return canonical.decode_object(entry.canonical)["facts"]


def test_it_is_of_the_entries_that_were_checked_whatever_came_after(shown):
    context = shown.ledger.context
    leaves = [entry.leaf for entry in context.audit.entries(shown.log, 0, 7)]
    health = check_log(context, shown.log)
    late = NewEntry(Kind.ADMINISTRATION, "service", facts={"act": "log-key-rotated", "old": "a", "new": "b"})
    shown.ledger.appender.append(shown.log, "late", [late])
    facts = recorded(shown, health)
    assert (facts["outcome"], facts["size"], facts["root"]) == ("holds", 7, to_hex(root_of(leaves)))


def test_of_a_changed_log_the_root_is_that_of_the_rows_that_were_read(shown):
    context = shown.ledger.context
    spoil(shown.ledger.settings.home, "UPDATE audit_entry SET canonical = CAST('{}' AS BLOB) WHERE \"index\" = 6")
    rows = [entry.canonical for entry in context.audit.entries(shown.log, 0, 7)]
    facts = recorded(shown, check_log(context, shown.log))
    assert (facts["outcome"], facts["size"]) == ("fails", 7)
    assert facts["root"] == to_hex(root_of([leaf_hash(row) for row in rows]))
    assert facts["findings"][0] == {"fault": "changed row", "index": 6}


def test_what_is_wrong_is_told_where_the_log_is_too_damaged_to_be_written_to(past, tmp_path, monkeypatch, capsys):
    home, shown = past
    copytree(home, tmp_path / "home")
    spoil(tmp_path / "home", 'DELETE FROM audit_entry WHERE "index" >= 5')  # its signed heads are still there
    monkeypatch.setenv("CONSENTRY_HOME", str(tmp_path / "home"))
    code, out, err = run(monkeypatch, capsys, "audit", "fsck", "--record")
    assert code == 1
    assert "cut tail at entry 5" in out
    assert f"{to_hex(shown.log)}: not written down: the chain holds 7 entries of this log, the store only 5" in err


def test_a_log_whose_database_is_older_than_its_anchor_is_written_no_further(past, tmp_path):
    home, shown = past
    copytree(home, tmp_path / "home")
    spoil(
        tmp_path / "home",
        'DELETE FROM audit_entry WHERE "index" >= 3',
        "DELETE FROM checkpoint WHERE size > 3",
    )
    late = NewEntry(Kind.ADMINISTRATION, "service", facts={"act": "log-key-rotated", "old": "a", "new": "b"})
    with open_ledger(Settings(home=tmp_path / "home")) as ledger:
        ledger.catch_up()
        assert ledger.context.audit.size(shown.log) == 3
        with pytest.raises(NotReady, match="the store only 3, so nothing is appended"):
            ledger.appender.append(shown.log, "late", [late])
        assert ledger.context.audit.size(shown.log) == 3


def test_the_command_reads_with_as_many_processes_as_it_is_told(past, tmp_path, monkeypatch, capsys):
    home, _ = past
    copytree(home, tmp_path / "home")
    spoil(tmp_path / "home", "UPDATE audit_entry SET canonical = CAST('{}' AS BLOB) WHERE \"index\" = 6")
    monkeypatch.setenv("CONSENTRY_HOME", str(tmp_path / "home"))
    started = []

    class Counted(scanning.Process):
        def __enter__(self):
            started.append(self)
            return super().__enter__()

    monkeypatch.setattr(scanning, "Process", Counted)
    monkeypatch.setitem(scanning.scanning.__kwdefaults__, "least", 1)
    for jobs in (1, 3):
        code, out, _ = run(monkeypatch, capsys, "audit", "fsck", "--jobs", jobs)
        assert (code, "changed row at entry 6" in out) == (1, True)
        assert len(started) == jobs - 1
    assert run(monkeypatch, capsys, "audit", "fsck", "--jobs", "-1")[0] == 2
