"""What an export does with a store that was tampered with, or is not where the chain is."""

import io
import sqlite3
from dataclasses import replace
from shutil import copytree

import pytest

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.errors import MirrorDiverged, NotReady
from ledger.export.bundle import export_bundle
from ledger.transparency import canonical
from ledger.verify.checks import verify_bundle
from ledger.verify.report import Status
from tests.support.exhibit import exhibit


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    home = tmp_path_factory.mktemp("past") / "home"
    with exhibit(home) as shown:
        return home, shown.log


@pytest.fixture
def tampered(past, tmp_path):
    """Opens a copy of the past on which SQL statements were run, without the triggers that refuse them."""
    opened = []

    def run(*statements):
        copytree(past[0], tmp_path / "home")
        connection = sqlite3.connect(tmp_path / "home" / "ledger.sqlite")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement, *values in statements:
            assert connection.execute(statement, values).rowcount
        connection.commit()
        connection.close()
        ledger = open_ledger(Settings(home=tmp_path / "home"))
        opened.append(ledger)
        ledger.catch_up()
        return ledger.context

    yield run
    for ledger in opened:
        ledger.close()


def export(context, log):
    out = io.BytesIO()
    manifest = export_bundle(context, log, out, with_members=True)
    return verify_bundle(out, bytes.fromhex(manifest.trusted.hash[2:]))


def test_a_changed_row_is_exported_as_it_is_and_named_by_whoever_checks(tampered, past):
    change = 'UPDATE audit_entry SET canonical = CAST(replace(CAST(canonical AS TEXT), ?, ?) AS BLOB) WHERE "index" = 4'
    context = tampered((change, '"outcome":"permit"', '"outcome":"denied"'))
    report = export(context, past[1])
    assert report.exit_code == 1
    assert "entry 4" in report.check("tree").detail


def test_a_changed_row_of_a_decision_is_named(tampered, past):
    context = tampered(("UPDATE decision_member SET version = version + 1 WHERE decision = 1 AND version > 0",))
    report = export(context, past[1])
    assert report.exit_code == 1
    assert report.check("cohorts").status is Status.PASS
    assert report.check("replay").status is Status.FAIL


def test_a_cut_tail_stops_the_export(tampered, past):
    context = tampered(
        ('DELETE FROM audit_entry WHERE "index" > 3',),
        ("DELETE FROM checkpoint WHERE size > 4",),
    )
    with pytest.raises(MirrorDiverged, match="7 entries"):
        export(context, past[1])


def test_a_decision_that_is_gone_stops_the_export(tampered, past):
    context = tampered(("DELETE FROM decision_member WHERE decision = 2",), ("DELETE FROM decision WHERE number = 2",))
    with pytest.raises(MirrorDiverged, match="audit fsck"):
        export(context, past[1])


def test_a_node_on_another_branch_stops_the_export(tampered, past):
    context = tampered()

    class Elsewhere:
        def __getattr__(self, name):
            return getattr(context.reader, name)

        def block(self, number):
            return replace(context.reader.block(number), hash=b"\x01" * 32)

    with pytest.raises(NotReady, match="not on the node's chain"):
        export(replace(context, reader=Elsewhere()), past[1])


def test_an_untouched_store_is_exported_and_holds(tampered, past):
    context = tampered()
    assert export(context, past[1]).exit_code == 0
    assert canonical.decode_object(next(context.audit.entries(past[1], 0, 1)).canonical)["index"] == 0
