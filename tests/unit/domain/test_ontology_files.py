"""Ontology files: three forms of one ontology read alike, and a broken file is refused."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.domain import ontology_files
from ledger.domain.ontology_files import read_ontology
from ledger.errors import InvalidInput, TooLarge

DATA = Path(os.environ.get("CONSENTRY_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data") / "mondo"
PURL = "http://purl.obolibrary.org/obo/"

PARENTS_JSON = json.dumps(
    {
        "source": "a test",
        "terms": {
            "MONDO:0000001": {"label": "disease", "parents": []},
            "MONDO:0000002": {"label": "cancer", "parents": ["MONDO:0000001"]},
            "MONDO:0000003": {"label": "lung cancer", "parents": ["MONDO:0000002", "MONDO:0000009"]},
        },
    }
)
BARE_JSON = json.dumps(
    {"MONDO_0000001": [], "MONDO_0000002": ["MONDO_0000001"], "MONDO_0000003": ["MONDO_0000002", "MONDO_0000009"]}
)
GRAPHS_JSON = json.dumps(
    {
        "graphs": [
            {
                "id": "test",
                "nodes": [
                    {"id": PURL + "MONDO_0000001", "lbl": "disease", "type": "CLASS", "meta": {"comments": ["x"]}},
                    {"id": PURL + "MONDO_0000002", "lbl": "cancer", "type": "CLASS"},
                    {"id": PURL + "MONDO_0000003", "lbl": "lung cancer"},
                    {"id": PURL + "MONDO_0000008", "lbl": "obsolete", "type": "CLASS", "meta": {"deprecated": True}},
                    {"id": PURL + "MONDO_0000009"},
                    {"id": PURL + "RO_0004028", "lbl": "realized in", "type": "PROPERTY"},
                ],
                "edges": [
                    {"sub": PURL + "MONDO_0000002", "pred": "is_a", "obj": PURL + "MONDO_0000001"},
                    {"sub": PURL + "MONDO_0000003", "pred": "is_a", "obj": PURL + "MONDO_0000002"},
                    {"sub": PURL + "MONDO_0000003", "pred": "is_a", "obj": PURL + "MONDO_0000009"},
                    {"sub": PURL + "MONDO_0000001", "pred": PURL + "RO_0004028", "obj": PURL + "MONDO_0000003"},
                    {"sub": PURL + "MONDO_0000008", "pred": "is_a", "obj": PURL + "MONDO_0000001"},
                ],
            },
            {"nodes": [{"id": PURL + "MONDO_0000001", "lbl": "disease", "type": "CLASS"}]},
        ]
    }
)
OBO = """format-version: 1.2
ontology: test

[Term]
id: MONDO:0000001
name: disease

[Term]
id: MONDO:0000002
name: cancer
synonym: "is_a: MONDO:0000003" EXACT []
def: "a line separator\u2028is_a: MONDO:0000003" []
is_a: MONDO:0000001 ! disease

[Term]
id: MONDO:0000003
name: lung cancer
is_a: MONDO:0000002 {source="DOID:1324"} ! cancer
is_a: MONDO:0000009
relationship: part_of MONDO:0000001

[Term]
id: MONDO:0000008
name: obsolete
is_a: MONDO:0000001
is_obsolete: true

[Typedef]
id: part_of
name: part of
is_a: overlaps
"""


@pytest.mark.parametrize(
    "text", [PARENTS_JSON, BARE_JSON, GRAPHS_JSON, OBO, OBO.replace("\n", "\r\n"), "\ufeff" + GRAPHS_JSON]
)
def test_the_forms_read_alike(text):
    found = read_ontology(text.encode())
    assert found.parents == {
        "MONDO:0000001": (),
        "MONDO:0000002": ("MONDO:0000001",),
        "MONDO:0000003": ("MONDO:0000002", "MONDO:0000009"),
    }
    assert found.ancestry().dangling() == ["MONDO:0000009"]
    assert found.labels["MONDO:0000003"] == ("" if text == BARE_JSON else "lung cancer")
    assert found.obsolete == ("obsolete" in text)
    assert found.version == found.ancestry().version == sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no term"),
        ("{}", "names no term"),
        ('{"terms": {}}', "names no term"),
        ('{"graphs": []}', "names no term"),
        ("hello", "names no term"),
        ("[]", "names no term"),
        ("{", "no ontology in JSON or OBO"),
        ("\xff", "names no term"),
        ('{"terms": {"a": {"parents": "b"}}}', "no ontology in JSON or OBO"),
        ('{"terms": {"a": {"label": "x"}}}', "no ontology in JSON or OBO"),
        ('{"terms": {"a": {"parents": [], "is_obsolete": true}}}', "no ontology in JSON or OBO"),
        ('{"a": ["b"], "b": ["c"], "c": ["a"]}', "a cycle, a -> b -> c -> a"),
        ('{"a": ["a"]}', "a cycle, a -> a"),
        ('{"MONDO:0000001": [], "MONDO_0000001": []}', "MONDO:0000001 twice"),
        ('{" ": []}', "without a code"),
        ("[Term]\nid: a\n[Term]\nid: a\n", "a twice"),
        ("[Term]\nname: a\n", r"without exactly one id"),
        ("[Term]\nid:\n", "without a code"),
        ("[Term]\nid: a\nis_a:\n", "without a code"),
        ("[Term]\nid: a\nid: b\n", r"without exactly one id"),
    ],
)
def test_a_broken_file_is_refused(text, says):
    with pytest.raises(InvalidInput, match=says):
        read_ontology(text.encode())


def test_a_parent_that_is_named_twice_is_one():
    assert read_ontology(b'{"X:1": [], "X:2": ["X:1", "X_1"]}').parents["X:2"] == ("X:1",)


def test_bytes_that_are_no_text_and_a_file_that_is_too_large_are_refused(monkeypatch):
    with pytest.raises(InvalidInput, match="no ontology"):
        read_ontology(b"[Term]\nid: \xff\n")
    monkeypatch.setattr(ontology_files, "MOST_BYTES", 10)
    with pytest.raises(TooLarge, match="at most 10"):
        read_ontology(BARE_JSON.encode())


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no Mondo under {DATA}: set CONSENTRY_TEST_DATA")
def test_the_whole_of_mondo():
    found = read_ontology((DATA / "mondo-parents.json").read_bytes())
    ancestry = found.ancestry()
    assert len(ancestry) == len(found.labels) == 22_382
    assert ancestry.dangling() == ["MONDO:000001", "MONDO:00016"]
    assert found.labels["MONDO:0008903"] == "lung cancer"
    assert {"MONDO:0008903", "MONDO:0004992", "MONDO:0000001"} <= ancestry.ancestors("MONDO:0005138")
    assert "MONDO:0005138" not in ancestry.ancestors("MONDO:0008903")
