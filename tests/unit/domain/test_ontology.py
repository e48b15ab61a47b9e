"""Ancestry: closures, what is not held, and cycles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.ontology import Ancestry, NoOntology, curie, within
from ledger.errors import InvalidInput


def naive(parents, code):
    """The closure by repetition until nothing is new."""
    found = {code}
    while True:
        more = found | {parent for one in found for parent in parents[one] if parent in parents}
        if more == found:
            return found
        found = more


@given(st.dictionaries(st.integers(0, 12), st.lists(st.integers(0, 14), max_size=3), max_size=12))
def test_closures_are_those_of_the_definition(drawn):
    # parents have smaller numbers, so there is no cycle; some are dangling
    parents = {str(code): tuple(str(one) for one in above if one < code) for code, above in drawn.items()}
    ancestry = Ancestry(parents, "v")
    ancestry.check()
    for code in parents:
        assert ancestry.ancestors(code) == naive(parents, code)
    assert ancestry.dangling() == sorted({one for above in parents.values() for one in above} - set(parents))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=10))
def test_a_cycle_is_refused_and_nothing_else(links):
    parents = {str(code): tuple(str(to) for of, to in links if of == code) for code in range(6)}
    reach = {code: set().union(*(naive(parents, one) for one in above)) for code, above in parents.items()}
    cyclic = any(code in above for code, above in reach.items())
    if cyclic:
        with pytest.raises(InvalidInput, match=" -> "):
            Ancestry(parents, "v").check()
    else:
        Ancestry(parents, "v").check()


def test_a_long_chain_needs_no_deep_stack():
    size = 1_500
    ancestry = Ancestry({str(code): (str(code + 1),) for code in range(size)}, "v")
    assert len(ancestry) == len(ancestry.ancestors("0")) == size


def test_what_is_not_held_has_no_ancestry():
    ancestry = Ancestry({"a": ("b", "gone"), "b": ()}, "v")
    assert ancestry.ancestors("gone") is None
    assert ancestry.ancestors("a") == {"a", "b"}
    assert ancestry.parents("a") == ("b", "gone")
    assert ancestry.parents("gone") is None
    assert NoOntology().ancestors("a") is None
    assert NoOntology().version == ""


@pytest.mark.parametrize(
    ("code", "named", "answer"),
    [
        ("b", {"a"}, True),
        ("b", {"b"}, True),
        ("a", {"b"}, False),
        ("b", {"c"}, False),
        ("b", set(), False),
        ("x", {"a"}, None),
        ("x", {"x"}, None),
        ("b", {"x"}, None),
        ("b", {"x", "a"}, True),
    ],
)
def test_within(code, named, answer):
    assert within(code, frozenset(named), Ancestry({"a": (), "b": ("a",), "c": ()}, "v")) is answer


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("MONDO:0005138", "MONDO:0005138"),
        ("MONDO_0005138", "MONDO:0005138"),
        ("http://purl.obolibrary.org/obo/MONDO_0005138", "MONDO:0005138"),
        ("https://purl.obolibrary.org/obo/DOID_162", "DOID:162"),
        ("http://example.org/obo/MONDO_0005138", "http://example.org/obo/MONDO_0005138"),
        ("lung cancer", "lung cancer"),
        ("MONDO_0005138\n", "MONDO_0005138\n"),
    ],
)
def test_the_short_form_of_a_code(text, short):
    assert curie(text) == short
