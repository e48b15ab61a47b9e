"""PROV-JSON and NDJSON of a real log."""

import io
import json

import pytest
from prov.model import ProvDocument

from ledger.errors import MirrorDiverged, NotFound
from ledger.export.ndjson import export_ndjson
from ledger.export.prov_json import export_prov
from ledger.export.source import Source
from ledger.provenance.builder import Builder
from ledger.transparency.hashing import leaf_hash
from tests.support.exhibit import exhibit


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    with exhibit(tmp_path_factory.mktemp("exhibit") / "home") as opened:
        yield opened


def prov_of(shown):
    out = io.BytesIO()
    export_prov(Source(shown.ledger.context, shown.log), out)
    return json.loads(out.getvalue())


def test_a_real_log_round_trips_through_the_library(shown):
    written = prov_of(shown)
    read = ProvDocument.deserialize(content=json.dumps(written), format="json")
    assert read == ProvDocument.deserialize(content=read.serialize(format="json"), format="json")
    computations = [name for name in written["activity"] if name.startswith("log:computation/")]
    decisions = [name for name in written["activity"] if name.startswith("log:decision/")]
    assert (len(computations), len(decisions)) == (2, 3)
    derived = {(item["prov:generatedEntity"], item["prov:usedEntity"]) for item in written["wasDerivedFrom"].values()}
    first, second = (name.replace("computation", "output") + "/mean-age" for name in computations)
    assert (second, first) in derived


def test_it_is_labelled_with_the_directorys_names_and_names_no_subject(shown):
    text = json.dumps(prov_of(shown), ensure_ascii=False)
    assert "Krankenhaus Süd" in text
    assert "Survival under treatment" in text
    assert not any(patient.subject.hex() in text for patient in shown.patients)


def test_invalid_provenance_is_not_written(shown, monkeypatch):
    real = Builder.take

    def shuffled(self, entry, leaf):
        at = {**entry["facts"], "at": entry["index"]}
        return real(self, {**entry, "decision": "0x" + "01" * 32, "facts": at}, leaf)

    monkeypatch.setattr(Builder, "take", shuffled)
    with pytest.raises(MirrorDiverged, match="audit fsck"):
        prov_of(shown)


def test_a_log_of_nobody_is_not_found(shown):
    with pytest.raises(NotFound):
        Source(shown.ledger.context, b"\x05" * 32)


def test_ndjson_lines_are_what_was_hashed(shown):
    out = io.BytesIO()
    export_ndjson(Source(shown.ledger.context, shown.log), out)
    leaves = [leaf_hash(line) for line in out.getvalue().split(b"\n")[:-1]]
    assert leaves == [entry.leaf for entry in shown.ledger.context.audit.entries(shown.log, 0, 7)]
