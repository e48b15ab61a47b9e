"""Every export before and after an erasure: the erased are in none of them, and everything else is as it was."""

import io
import json
import zipfile

import pyarrow.parquet
import pytest

from ledger.export.formats import Format, write_export
from ledger.export.source import Source
from ledger.services.erase import erase
from ledger.verify.checks import verify_bundle
from ledger.verify.report import Status
from tests.support.exhibit import exhibit

GONE = 1
"""The patient who is erased: considered by the first and the last decision, and permitted by both."""


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """All formats with all rows, before and after; and what ties the erased patient to decisions."""
    home = tmp_path_factory.mktemp("exhibit") / "home"
    with exhibit(home) as shown:
        context, gone = shown.ledger.context, shown.patients[GONE]
        salts = [
            member.salt
            for answer in shown.answers
            for member in context.audit.members(answer.id)
            if member.subject == gone.subject
        ]

        def write():
            files = {}
            for kind in Format:
                out = io.BytesIO()
                write_export(Source(context, shown.log, with_members=True), kind, out)
                files[kind] = out.getvalue()
            return files

        before = write()
        erase(context, shown.ledger.appender, gone.subject, shown.log, "institution:0x" + shown.log.hex())
        shown.anchor()
        yield before, write(), [gone.subject, shown.consents[GONE], *salts], shown


def text_of(kind, content):
    """What a reader of a format sees; of a bundle without what the chain itself holds for all to see, and receipts."""
    match kind:
        case Format.BUNDLE:
            files = zipfile.ZipFile(io.BytesIO(content))
            names = [name for name in files.namelist() if name not in ("receipts.ndjson", "decisions.ndjson")]
            return b"".join(files.read(name) for name in names).decode()
        case Format.RO_CRATE:
            files = zipfile.ZipFile(io.BytesIO(content))
            return b"".join(map(files.read, files.namelist())).decode()
        case Format.PARQUET:
            return str(pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist())
        case _:
            return content.decode()


@pytest.mark.parametrize("kind", list(Format))
def test_nothing_in_it_leads_to_the_erased(exports, kind):
    before, after, secrets, shown = exports
    held = [secret.hex() in text_of(kind, before[kind]) for secret in secrets]
    if kind in (Format.BUNDLE, Format.FHIR_AUDIT):
        assert any(held), "there was something to erase"
    assert not any(secret.hex() in text_of(kind, after[kind]) for secret in secrets)
    others = [patient.subject.hex() for place, patient in enumerate(shown.patients[:5]) if place != GONE]
    assert [other in text_of(kind, before[kind]) for other in others] == [
        other in text_of(kind, after[kind]) for other in others
    ]


def test_entries_are_as_they_were_and_the_erasure_stands_behind_them(exports):
    before, after, *_ = exports
    assert after[Format.NDJSON].startswith(before[Format.NDJSON])
    assert after[Format.CSV].startswith(before[Format.CSV])
    (added,) = (json.loads(line) for line in after[Format.NDJSON][len(before[Format.NDJSON]) :].splitlines())
    assert added["kind"] == "erasure"


@pytest.mark.parametrize("kind", [Format.PROV_JSON, Format.FHIR_PROVENANCE])
def test_provenance_is_as_it_was(exports, kind):
    before, after, *_ = exports
    if kind is Format.FHIR_PROVENANCE:
        assert json.loads(before[kind])["entry"] == json.loads(after[kind])["entry"]
        return
    old, new = json.loads(before[kind]), json.loads(after[kind])
    assert {(section, name) for section in old for name in old[section]} < {
        (section, name) for section in new for name in new[section]
    }
    assert all(new[section][name] == value for section in old for name, value in old[section].items())


def test_what_was_said_of_others_is_still_said(exports):
    before, after, (gone, *_), _ = exports

    def said(content):
        events = [one["resource"] for one in json.loads(content)["entry"] if "entity" in one["resource"]]
        return [{name: value for name, value in event.items() if name != "id"} for event in events]

    old = [event for event in said(before[Format.FHIR_AUDIT]) if gone.hex() not in json.dumps(event)]
    assert old == said(after[Format.FHIR_AUDIT])


def test_both_bundles_prove_what_they_hold(exports, tmp_path):
    before, after, *_ = exports
    for name, content in (("before", before[Format.BUNDLE]), ("after", after[Format.BUNDLE])):
        path = tmp_path / name
        path.write_bytes(content)
        block = json.loads(zipfile.ZipFile(path).read("manifest.json"))["trusted"]["hash"]
        report = verify_bundle(path, bytes.fromhex(block[2:]))
        assert [check.name for check in report.checks if check.status is Status.FAIL] == []
        assert report.check("cohorts").status is Status.PASS
