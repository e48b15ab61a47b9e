"""A real log in each format, read back by what others wrote: rdflib, fhir.resources, rocrate, pyarrow."""

import csv
import io
import json
import re
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet
import pytest
import rocrate
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.bundle import Bundle
from rdflib import PROV, RDF, Graph
from rocrate.rocrate import ROCrate

from ledger.domain.identifiers import to_hex
from ledger.domain.selection import Selection
from ledger.errors import InvalidInput
from ledger.export.formats import Format, write_export
from ledger.export.ro_crate import METADATA, PROFILE
from ledger.export.source import Source
from ledger.transparency import canonical
from ledger.transparency.hashing import leaf_hash
from tests.support.exhibit import exhibit


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    with exhibit(tmp_path_factory.mktemp("exhibit") / "home") as opened:
        yield opened


def written(shown, kind, selection=None, **options):
    out = io.BytesIO()
    source = Source(shown.ledger.context, shown.log, selection or Selection(), **options)
    write_export(source, kind, out)
    return out.getvalue()


def entries_of(shown):
    return list(shown.ledger.context.audit.entries(shown.log, 0, 7))


def test_prov_jsonld_is_the_graph_of_prov_json(shown):
    graph = Graph().parse(data=written(shown, Format.PROV_JSONLD), format="json-ld")
    prov = json.loads(written(shown, Format.PROV_JSON))
    for kind, section in ((PROV.Activity, "activity"), (PROV.Entity, "entity"), (PROV.Agent, "agent")):
        assert len(set(graph.subjects(RDF.type, kind))) == len(prov[section])
    for kind, section in (
        (PROV.Usage, "used"),
        (PROV.Generation, "wasGeneratedBy"),
        (PROV.Derivation, "wasDerivedFrom"),
        (PROV.Association, "wasAssociatedWith"),
        (PROV.Attribution, "wasAttributedTo"),
        (PROV.Communication, "wasInformedBy"),
        (PROV.Delegation, "actedOnBehalfOf"),
    ):
        found = set(graph.subjects(RDF.type, kind))
        assert len(found) == len(prov[section])
        assert all(list(graph.predicates(None, one)) for one in found), "each hangs on its source"
    assert {str(time)[:4] for time in graph.objects(None, PROV.startedAtTime)} == {str(datetime.now(UTC).year)}


@pytest.mark.parametrize("with_members", [True, False])
def test_audit_events_are_fhir_and_one_stands_for_each_row(shown, with_members):
    bundle = Bundle.model_validate_json(written(shown, Format.FHIR_AUDIT, with_members=with_members))
    events = [one.resource for one in bundle.entry]
    assert all(isinstance(event, AuditEvent) for event in events)
    assert len({one.fullUrl for one in bundle.entry}) == len(events)
    outcomes = [event.outcome for event in events if event.meta.profile == [BALP + "AuthZconsent"]]
    reads = [event for event in events if event.meta.profile == [BALP + "PatientRead"]]
    if with_members:  # 4 and 1 and 5 rows were considered; 3, then 0, then 2 of them permitted
        assert (outcomes.count("0"), outcomes.count("8"), len(reads)) == (5, 5, 5)
    else:
        assert (outcomes, len(reads)) == (["0", "8", "0"], 2)
    text = written(shown, Format.FHIR_AUDIT, with_members=with_members).decode()
    assert [patient.subject.hex() in text for patient in shown.patients] == [*[with_members] * 5, False]


BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."


def test_provenance_names_what_was_made_and_from_what(shown):
    bundle = Bundle.model_validate_json(written(shown, Format.FHIR_PROVENANCE))
    first, second = (one.resource for one in bundle.entry)
    assert first.target[0].identifier.value == "0x" + "ab" * 32
    assert {(one.role, one.what.identifier.value) for one in second.entity if one.role == "derivation"} == {
        ("derivation", "0x" + "ab" * 32)
    }
    assert first.occurredPeriod.start <= first.occurredPeriod.end == first.recorded
    assert first.agent[0].onBehalfOf.display == "Krankenhaus Süd"
    assert first.policy[0].endswith(shown.answers[0].id)


def test_a_crate_is_a_process_run_crate(shown, tmp_path):
    content = written(shown, Format.RO_CRATE)
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path)
    crate = ROCrate(tmp_path)
    root = crate.root_dataset
    assert root["conformsTo"].id == PROFILE
    assert datetime.fromisoformat(str(root["datePublished"]))
    assert root["license"]["description"]
    actions = root["mentions"]
    assert [action.type for action in actions] == ["CreateAction"] * 2
    for action in actions:
        assert action["instrument"].type == "SoftwareApplication"
        assert action["instrument"]["softwareVersion"] == "0.14"
        assert action["agent"]["name"] == "Krankenhaus Süd"
        assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
        assert action["startTime"] <= action["endTime"]
        assert action["result"]["name"] == "mean-age"
    assert actions[1]["object"][1]["sha256"] == "0x" + "ab" * 32
    lines = (tmp_path / "entries.ndjson").read_bytes().splitlines()
    assert [leaf_hash(line) for line in lines] == [entry.leaf for entry in entries_of(shown)]
    assert crate.get("entries.ndjson")["contentSize"] == str((tmp_path / "entries.ndjson").stat().st_size)


def test_tables_hold_what_the_entries_say(shown):
    frame = pyarrow.parquet.read_table(io.BytesIO(written(shown, Format.PARQUET))).to_pylist()
    lines = list(csv.DictReader(io.StringIO(written(shown, Format.CSV).decode(), newline="")))
    for entry, row, line in zip(entries_of(shown), frame, lines, strict=True):
        document = canonical.decode_object(entry.canonical)
        assert row["leaf"] == line["leaf"] == to_hex(entry.leaf)
        assert json.loads(row["facts"]) == json.loads(line["facts"]) == document["facts"]
        assert int(row["time"].timestamp()) == document["time"]
        assert datetime.fromisoformat(line["time"]) == row["time"]
        assert (row["index"], row["block_number"]) == (entry.index, document["block"]["number"])
        for name in ("kind", "actor", "study", "engine", "operation", "decision"):
            assert row[name] == line[name] == document[name]


def test_a_selection_is_all_that_is_written(shown):
    denied = Selection(outcome="deny")
    assert len(written(shown, Format.NDJSON, denied).splitlines()) == 1
    assert len(list(csv.reader(io.StringIO(written(shown, Format.CSV, denied).decode())))) == 2
    prov = json.loads(written(shown, Format.PROV_JSON, denied))
    assert list(prov["activity"]) == [f"log:decision/{shown.answers[1].id}"]
    one = shown.patients[1]
    about = frozenset(answer.id for answer in (shown.answers[0], shown.answers[2]))
    options = {"with_members": True, "subject": one.subject}
    text = written(shown, Format.FHIR_AUDIT, Selection(decisions=about), **options).decode()
    assert [patient.subject.hex() in text for patient in shown.patients] == [False, True, False, False, False, False]


@pytest.mark.parametrize("kind", sorted(set(Format) - {Format.BUNDLE}))
def test_nothing_selected_is_still_a_file_of_the_format(shown, kind):
    content = written(shown, kind, Selection(words="nobody ever said this"))
    match kind:
        case Format.PARQUET:
            assert pyarrow.parquet.read_table(io.BytesIO(content)).num_rows == 0
        case Format.RO_CRATE:
            assert json.loads(zipfile.ZipFile(io.BytesIO(content)).read("ro-crate-metadata.json"))["@graph"]
        case Format.NDJSON:
            assert content == b""
        case Format.CSV:
            assert len(content.splitlines()) == 1
        case _:
            json.loads(content)


def test_a_bundle_is_of_a_whole_log(shown):
    with pytest.raises(InvalidInput, match="whole"):
        written(shown, Format.BUNDLE, Selection(outcome="deny"))


def test_progress_is_told_up_to_the_end(shown):
    told = []
    written(shown, Format.NDJSON, progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 7), (7, 7)]


def test_every_time_in_prov_is_a_date_time_in_utc(shown):
    prov = json.loads(written(shown, Format.PROV_JSON))
    assert "wasEndedBy" not in prov, "the submission's schema does not check it; ends are times of activities"
    times = [
        value
        for section in prov.values()
        for item in section.values()
        if isinstance(item, dict)
        for name, value in item.items()
        if name in ("prov:time", "prov:startTime", "prov:endTime")
    ]
    assert times
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", time) for time in times)


def test_the_validator_of_others_finds_nothing_wrong_with_a_crate(shown, tmp_path):
    zipfile.ZipFile(io.BytesIO(written(shown, Format.RO_CRATE))).extractall(tmp_path)
    # Our software is named by URNs, which are absolute URIs; the validator looks for http.
    assert found_by_the_validator(tmp_path) <= {"process-run-crate-0.5_5.1"}


def test_the_validator_of_others_finds_an_action_without_its_instrument(shown, tmp_path):
    zipfile.ZipFile(io.BytesIO(written(shown, Format.RO_CRATE))).extractall(tmp_path)
    metadata = tmp_path / METADATA
    metadata.write_text(metadata.read_text(encoding="utf-8").replace('"instrument"', '"tool"'), encoding="utf-8")
    assert "process-run-crate-0.5_1.1" in found_by_the_validator(tmp_path)


def found_by_the_validator(crate):
    """The checks of roc-validator, at least recommended ones, that find something wrong with a crate."""
    root = Path(__file__).parents[2]
    python = root / ".venv-crate" / "bin" / "python"
    if not python.exists():
        pytest.skip("roc-validator is not here: scripts/test installs it into .venv-crate")
    context = Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld"
    command = [python, root / "tests" / "support" / "crate_validator.py", crate, context]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return {issue["check"] for issue in json.loads(done.stdout.splitlines()[-1])}
