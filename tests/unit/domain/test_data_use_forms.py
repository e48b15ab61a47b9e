"""The forms of data use: what is read, and that everything else is refused with its path."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.data_use_forms import Approval, StudyUse, TimeLimit, parse_dataset, parse_purpose
from ledger.domain.duo_terms import Modifier, Permission
from ledger.domain.moments import read_moment
from ledger.errors import InvalidInput, UnknownCode

DATASET = {
    "permission": "DS",
    "diseases": ["MONDO:0004992", "http://purl.obolibrary.org/obo/MONDO_0008903", "MONDO_0005138"],
    "modifiers": {
        **dict.fromkeys(["NPU", "NCU", "NPUNCU", "NMDS", "GSO", "NPOA", "IRB", "PUB", "RTN", "CC"], True),
        "COL": ["investigator"],
        "RS": ["MONDO_0004992"],
        "GS": ["DE"],
        "MOR": "2027-01-01",
        "TS": {"months": 12, "granted": "2026-01-01"},
        "US": ["user"],
        "PS": ["project"],
        "IS": ["institution"],
    },
}
PURPOSE = {
    "use": "clinical-care",
    "diseases": ["MONDO_0004992"],
    "topics": ["topic_0003"],
    "user": "u",
    "project": "p",
    "institution": "i",
    "nonprofit": True,
    "commercial": False,
    "genotypes": None,
    "ancestry": False,
    "recipient_region": "DE",
    "processing_region": "FR",
    "ethics_approval": {"from": "2026-01-01", "until": 1_800_000_000},
    "agreements": ["investigator"],
    "undertakings": ["PUB", "DUO:0000029"],
    "publication_date": "2027-01-01T00:00:00Z",
}


def test_a_whole_dataset():
    terms = parse_dataset(json.dumps(DATASET), strict=True)
    assert terms.permissions == {Permission.DS}
    assert terms.diseases == {"MONDO:0004992", "MONDO:0008903", "MONDO:0005138"}
    assert set(terms.modifiers) == set(Modifier)
    assert terms.modifiers[Modifier.RS] == {"MONDO:0004992"}
    assert terms.modifiers[Modifier.MOR] == read_moment("2027-01-01")
    assert terms.modifiers[Modifier.TS] == TimeLimit(12, read_moment("2026-01-01"))
    assert (terms.deprecated, terms.unknown) == ((), ())
    assert parse_dataset(DATASET) == parse_dataset(json.dumps(DATASET).encode()) == terms


def test_a_whole_purpose():
    purpose = parse_purpose(PURPOSE)
    assert purpose == parse_purpose(json.dumps(PURPOSE).encode())
    assert purpose.use is StudyUse.CLINICAL_CARE
    assert purpose.diseases == {"MONDO:0004992"}
    assert purpose.topics == {"topic:0003"}
    assert purpose.undertakings == {"PUB", "RTN"}
    assert purpose.ethics_approval == Approval(read_moment("2026-01-01"), 1_800_000_000)
    assert purpose.publication_date == read_moment("2027-01-01")


@pytest.mark.parametrize(
    "spelling", ["HMB", "DUO:0000006", "DUO_0000006", "http://purl.obolibrary.org/obo/DUO_0000006"]
)
def test_a_code_has_four_spellings(spelling):
    assert parse_dataset({"permission": spelling}).permissions == {Permission.HMB}


@pytest.mark.parametrize("spelling", ["NPOA", "DUO:0000044", "DUO_00000044", "DUO:00000044"])
def test_npoa_is_read_in_both_of_its_spellings(spelling):
    modifiers = parse_dataset({"permission": "GRU", "modifiers": {spelling: True}}).modifiers
    assert modifiers == {Modifier.NPOA: True}


@pytest.mark.parametrize("fact", sorted(PURPOSE))
def test_a_fact_that_is_absent_null_or_empty_is_unknown(fact):
    rest = {key: value for key, value in PURPOSE.items() if key != fact}
    assert getattr(parse_purpose(rest), fact) is None
    assert parse_purpose({**rest, fact: None}) == parse_purpose({**rest, fact: ""}) == parse_purpose(rest)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"permission": 5}, "dataset.permission"),
        ({"permission": "GRU "}, "dataset.permission"),
        ({"permission": "gru"}, "dataset.permission"),
        ({"permission": "NPU"}, "dataset.permission: NPU is a modifier"),
        ({"permission": "DUO:0000001"}, "dataset.permission"),
        ({"permission": ["GRU", None]}, "dataset.permission"),
        ({"diseases": "MONDO:0004992"}, "dataset.diseases"),
        ({"diseases": [""]}, r"dataset.diseases\[0\]"),
        ({"diseases": [4992]}, r"dataset.diseases\[0\]"),
        ({"modifiers": ["NPU"]}, "dataset.modifiers"),
        ({"modifiers": {"NPU": "yes"}}, "dataset.modifiers.NPU"),
        ({"modifiers": {"NPU": 1}}, "dataset.modifiers.NPU"),
        ({"modifiers": {"npu": True}}, "dataset.modifiers.npu"),
        ({"modifiers": {"GRU": True}}, "dataset.modifiers.GRU: GRU is a permission"),
        ({"modifiers": {"XYZ": True}}, "dataset.modifiers.XYZ"),
        ({"modifiers": {"NPOA": True, "DUO:0000044": False}}, "given twice"),
        ({"modifiers": {"RU": True, "DUO:0000014": True}}, "given twice"),
        ({"modifiers": {"COL": True}}, "dataset.modifiers.COL"),
        ({"modifiers": {"COL": "ada"}}, "dataset.modifiers.COL"),
        ({"modifiers": {"COL": [" "]}}, r"dataset.modifiers.COL\[0\]"),
        ({"modifiers": {"US": {"0": "ada"}}}, "dataset.modifiers.US"),
        ({"modifiers": {"MOR": True}}, "dataset.modifiers.MOR"),
        ({"modifiers": {"MOR": ""}}, "dataset.modifiers.MOR"),
        ({"modifiers": {"MOR": "2027-02-30"}}, "dataset.modifiers.MOR"),
        ({"modifiers": {"TS": 12}}, "dataset.modifiers.TS"),
        ({"modifiers": {"TS": {"months": -1}}}, "dataset.modifiers.TS.months"),
        ({"modifiers": {"TS": {"months": 1.5}}}, "dataset.modifiers.TS.months"),
        ({"modifiers": {"TS": {"months": 12, "from": "2026-01-01"}}}, "dataset.modifiers.TS"),
        ({"modifiers": {"TS": {"months": 12, "granted": "soon"}}}, "dataset.modifiers.TS.granted"),
        ({"modifiers": {"TS": {"months": 12_000, "granted": "9000-01-01"}}}, "dataset.modifiers.TS"),
        ({"NPU": True}, "NPU"),
    ],
)
def test_a_dataset_of_another_form_is_refused_with_its_path(change, path):
    with pytest.raises(InvalidInput, match=path):
        parse_dataset({"permission": "GRU", **change})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"use": "General"}, "purpose.use"),
        ({"use": ["general", "disease"]}, "purpose.use"),
        ({"diseases": ["MONDO:0004992", 3]}, "purpose.diseases"),
        ({"user": 7}, "purpose.user"),
        ({"user": "\t"}, "purpose.user"),
        ({"nonprofit": "true"}, "purpose.nonprofit"),
        ({"commercial": 0}, "purpose.commercial"),
        ({"agreements": "ada"}, "purpose.agreements"),
        ({"undertakings": ["MOR"]}, r"purpose.undertakings\[0\]"),
        ({"undertakings": ["publish"]}, r"purpose.undertakings\[0\]"),
        ({"ethics_approval": True}, "purpose.ethics_approval"),
        ({"ethics_approval": {"from": "2026-01-01", "to": "2027-01-01"}}, "purpose.ethics_approval"),
        ({"ethics_approval": {"from": "x"}}, "purpose.ethics_approval.from"),
        ({"publication_date": 1.0}, "purpose.publication_date"),
        ({"non_profit": True}, "non_profit"),
        ({"non_profit": ""}, "non_profit"),
    ],
)
def test_a_purpose_of_another_form_is_refused_with_its_path(change, path):
    with pytest.raises(InvalidInput, match=path):
        parse_purpose({**PURPOSE, **change})


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", '"GRU"', "{", '{"permission": "GRU"} x', '{"permission": NaN}', b"\xff\xfe", "[" * 100_000,
        '{"permission": ' + "9" * 5000 + "}", '{"permission": "HMB", "permission": "NRES"}',
        '{"permission": "GRU", "modifiers": {"NPU": true, "NPU": false}}',
    ],
)  # fmt: skip
def test_text_that_cannot_be_read_in_one_way_is_refused(text):
    with pytest.raises(InvalidInput, match=r"^dataset"):
        parse_dataset(text)


def test_an_unknown_code_is_an_error_of_its_own():
    with pytest.raises(UnknownCode):
        parse_dataset({"permission": "GRU", "modifiers": {"DUO:0000099": True}})


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"permission": "GRU-CC"}, "gave up GRU-CC"),
        ({"permission": "GRU", "modifiers": {"DUO:0000014": True}}, "gave up RU"),
        ({}, "exactly one permission"),
        ({"permission": ["GRU", "POA"]}, "exactly one permission"),
        ({"permission": "DS"}, "diseases"),
        ({"permission": "DS", "diseases": []}, "diseases"),
        ({"permission": "GRU", "diseases": ["MONDO:0004992"]}, "diseases"),
        ({"permission": "GRU", "modifiers": None}, "modifiers must not be null"),
        ({"permission": "GRU", "modifiers": {"NPU": None}}, "NPU must not be null"),
        ({"permission": "GRU", "modifiers": {"COL": []}}, "COL names nobody"),
    ],
)
def test_what_could_never_permit_anything_is_read_but_not_written(document, says):
    parse_dataset(document)
    with pytest.raises(InvalidInput, match=says):
        parse_dataset(document, strict=True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(Modifier)), json_values, max_size=3), st.booleans())
def test_whatever_comes_is_read_or_refused(modifiers, strict):
    try:
        terms = parse_dataset({"permission": "GRU", "modifiers": modifiers}, strict=strict)
    except InvalidInput:
        return
    assert set(terms.modifiers) == {Modifier(name) for name, value in modifiers.items() if value is not False}


@given(st.dictionaries(st.sampled_from([*PURPOSE, "x"]), json_values, max_size=3))
def test_whatever_purpose_comes_is_read_or_refused(document):
    try:
        purpose = parse_purpose(document)
    except InvalidInput:
        return
    for name, value in document.items():
        assert (getattr(purpose, name) is None) == (value in (None, ""))
