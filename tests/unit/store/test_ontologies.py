"""Ontologies under the home folder: kept whole, by version, and never silently missing."""

import pytest

from ledger.domain.ontology import NoOntology
from ledger.domain.ontology_files import read_ontology
from ledger.errors import ConfigurationError, NotFound
from ledger.store.ontologies import Ontologies

FIRST = read_ontology(b'{"terms": {"a": {"label": "A", "parents": []}, "b": {"label": "B", "parents": ["a", "x"]}}}')
SECOND = read_ontology(b'{"a": [], "c": ["a"]}')


def test_nothing_is_loaded_at_first_and_looking_makes_nothing(tmp_path):
    kept = Ontologies(tmp_path / "home")
    assert isinstance(kept.loaded(), NoOntology)
    with pytest.raises(NotFound, match="ontology load"):
        kept.read()
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_last_is_in_use_and_the_others_stay(tmp_path):
    kept = Ontologies(tmp_path / "home")
    kept.keep(FIRST)
    kept.keep(SECOND)
    again = Ontologies(tmp_path / "home")
    assert again.read() == SECOND
    assert again.read(FIRST.version) == FIRST
    assert again.loaded().version == again.version() == SECOND.version
    assert again.loaded().ancestors("c") == {"a", "c"}
    kept.keep(FIRST)
    assert again.loaded().ancestors("b") == {"a", "b"}


@pytest.mark.parametrize("damage", [b"", b"\x80", b"\xc1", None, "other"])
def test_a_damaged_file_is_an_error_and_not_no_ontology(tmp_path, damage):
    kept = Ontologies(tmp_path)
    kept.keep(SECOND)
    kept.keep(FIRST)
    path = tmp_path / "ontologies" / f"{FIRST.version}.msgpack"
    if damage is None:
        path.unlink()
    elif damage == "other":
        path.write_bytes((tmp_path / "ontologies" / f"{SECOND.version}.msgpack").read_bytes())
    else:
        path.write_bytes(damage)
    with pytest.raises(ConfigurationError, match="ontology load FILE again"):
        kept.loaded()
