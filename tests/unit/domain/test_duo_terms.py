"""The table of terms against the ontology as its makers published it."""

import csv
import os
import re
from pathlib import Path

import pytest

from ledger.domain.duo_terms import TERMS, Modifier, Permission, duo_term
from ledger.domain.vocabulary import CONDITION_TERMS, PURPOSE_TERMS, USE_TERMS
from ledger.errors import UnknownCode

DATA = Path(os.environ.get("CONSENTRY_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data") / "duo"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no Data Use Ontology under {DATA}: set CONSENTRY_TEST_DATA")


@needs_data
def test_every_live_term_of_the_csv_is_here_under_its_name():
    with (DATA / "duo.csv").open() as file:
        published = {row["id"]: row["shorthand"] for row in csv.DictReader(file) if row["shorthand"]}
    assert {term.id: term.name for term in TERMS if term.means} == published


@needs_data
def test_every_use_term_of_the_owl_is_here_and_what_it_gave_up_is_deprecated():
    text = (DATA / "duo.owl").read_text()
    classes = re.findall(
        r'<owl:Class rdf:about="http://purl.obolibrary.org/obo/(DUO_\d+)">(.*?)\n    </owl:Class>', text, re.DOTALL
    )
    assert len(classes) == len(re.findall(r'<owl:Class rdf:about="http://purl.obolibrary.org/obo/DUO_', text))
    obsolete = {code for code, body in classes if "ObsoleteClass" in body}
    short = {code: name for code, body in classes for name in re.findall(r">([^<]+)</oboInOwl:shorthand>", body)}
    assert {duo_term(code).id for code in obsolete} == {term.id for term in TERMS if term.kind == "deprecated"}
    assert {duo_term(code).name for code in short} == set(short.values())
    for code, name in short.items():
        assert (duo_term(code).kind == "deprecated") == (code in obsolete)
        assert duo_term(name) is duo_term(code)


def test_the_table_names_each_permission_and_modifier_once():
    assert [term.means for term in TERMS if term.means] == [*Permission, *Modifier]
    assert len({term.id for term in TERMS}) == len({term.name for term in TERMS}) == len(TERMS)


def test_each_term_has_plain_words():
    for term in TERMS:
        assert term.words.endswith(".")
        assert term.needs.endswith(".")
        assert len(term.words) < 120


def test_the_vocabulary_of_consents_speaks_of_terms_that_are_live():
    for term in (*PURPOSE_TERMS, *USE_TERMS, *CONDITION_TERMS):
        assert not term.standard or duo_term(term.standard).means is not None


@pytest.mark.parametrize("text", ["", "hmb", "DUO:6", "DUO:0000001", "DUO:0000099", "MONDO:0000006", "HMB "])
def test_another_text_is_no_term(text):
    with pytest.raises(UnknownCode, match="here: "):
        duo_term(text, what="here")
