"""What PROV-CONSTRAINTS forbids, each case by itself."""

import pytest

from ledger.provenance.constraints import violations
from ledger.provenance.document import Document, Link, Node, Relation, Thing


def graph(*relations, nodes=()):
    document = Document()
    for node in (
        Node("e", Thing.ENTITY, "Output"),
        Node("f", Thing.ENTITY, "Output"),
        Node("a", Thing.ACTIVITY, "Computation", start=10, end=20),
        Node("b", Thing.ACTIVITY, "Computation", start=10, end=20),
        Node("g", Thing.AGENT, "prov:Agent"),
        *nodes,
    ):
        document.add(node)
    for relation in relations:
        document.relations[relation] = None
    return document


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (graph(Relation(Link.USED, "e", "a")), "typing"),
        (graph(Relation(Link.USED, "a", "g")), "typing"),
        (graph(Relation(Link.ASSOCIATED, "a", "nobody")), "not in the document"),
        (graph(nodes=[Node("x", Thing.ACTIVITY, "Computation", start=5, end=4)]), "ends before it starts"),
        (graph(nodes=[Node("x", Thing.ENTITY, "Output", start=5)]), "only an activity"),
        (graph(Relation(Link.GENERATED, "e", "a"), Relation(Link.GENERATED, "e", "b")), "two activities"),
        (graph(Relation(Link.USED, "a", "e", 9)), "constraint 33"),
        (graph(Relation(Link.GENERATED, "e", "a", 21)), "constraint 34"),
        (graph(Relation(Link.GENERATED, "e", "a", 15), Relation(Link.USED, "b", "e", 14)), "used before"),
        (
            graph(
                Relation(Link.GENERATED, "e", "a", 15),
                Relation(Link.GENERATED, "f", "b", 14),
                Relation(Link.DERIVED, "f", "e"),
            ),
            "generated before",
        ),
        (graph(Relation(Link.DERIVED, "e", "f"), Relation(Link.DERIVED, "f", "e")), "derived from itself"),
    ],
)
def test_what_prov_forbids_is_found(document, words):
    assert any(words in line for line in violations(document))


def test_what_prov_allows_is_not_found():
    assert violations(graph(Relation(Link.USED, "a", "e", 10), Relation(Link.GENERATED, "f", "a", 20))) == []
