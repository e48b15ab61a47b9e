"""Every kind of entry, as its form has it, goes through every export, and its bundle holds."""

import io

import pytest

from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from ledger.domain.selection import Selection
from ledger.export.formats import Format, write_export
from ledger.export.source import Source
from ledger.services.records import record_override
from ledger.verify.checks import verify_bundle
from tests.support.exhibit import exhibit
from tests.unit.domain.test_entry_facts import RIGHT

WRITTEN = sorted(set(Kind) - {Kind.DECISION, Kind.OVERRIDE})


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    with exhibit(tmp_path_factory.mktemp("kinds") / "home") as opened:
        scene, ledger = opened.scene, opened.ledger
        entries = [
            NewEntry(kind, "service", to_hex(scene.study), to_hex(scene.engine), facts=RIGHT[kind]) for kind in WRITTEN
        ]
        ledger.appender.append(opened.log, "kinds", entries)
        refused = opened.answers[1]
        record_override(
            ledger.context,
            ledger.appender,
            opened.log,
            refused.id,
            actor=f"institution:{to_hex(opened.log)}",
            key="override",
            reason="ETREAT",
            justification=b"\x5a" * 32,
        )
        opened.anchor()
        yield opened


@pytest.mark.parametrize("format", [kind for kind in Format if kind is not Format.BUNDLE])
def test_it_goes_through_every_format(shown, format):
    out = io.BytesIO()
    write_export(Source(shown.ledger.context, shown.log, Selection()), format, out)
    assert out.getvalue()


def test_its_bundle_holds(shown):
    data, manifest = shown.export()
    report = verify_bundle(io.BytesIO(data), bytes.fromhex(manifest.trusted.hash[2:]))
    assert report.exit_code == 0, report
