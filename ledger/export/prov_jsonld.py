"""PROV-JSONLD of a log (W3C member submission of 2024): the same document as RDF that any JSON-LD tool reads.

The context is written out with it, so that it can be read without a network; its terms are those of the submission.

Source: https://www.w3.org/submissions/2024/SUBM-prov-jsonld-20240825/
"""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from ledger.domain.identifiers import to_hex
from ledger.export.parts import VOCABULARY, date_time, local_name, parts_of, term
from ledger.export.sections import encode, write_list
from ledger.export.source import Source
from ledger.provenance.document import Document, Link, Node, Relation, Value

_IS_ID: Final = {"@type": "@id"}
_TIME: Final = {"@id": "prov:atTime", "@type": "xsd:dateTime"}
_FORMS: Final = {
    Link.USED: ("Usage", "activity", "entity"),
    Link.GENERATED: ("Generation", "entity", "activity"),
    Link.ASSOCIATED: ("Association", "activity", "agent"),
    Link.DELEGATED: ("Delegation", "delegate", "responsible"),
    Link.INFORMED: ("Communication", "informed", "informant"),
    Link.ATTRIBUTED: ("Attribution", "entity", "agent"),
    Link.DERIVED: ("Derivation", "generatedEntity", "usedEntity"),
}
"""For each relation its class, and the terms of its source and its target."""
_TARGETS: Final = {"responsible": "prov:agent", "informant": "prov:activity", "usedEntity": "prov:entity"}


def export_prov_jsonld(source: Source, out: BinaryIO) -> None:
    """Write the PROV-JSONLD document of a log, up to its newest checkpoint.

    Raises:
        MirrorDiverged: The entries do not make valid provenance: the log was changed, or a clock ran wild.
    """
    to_prov_jsonld(parts_of(source), to_hex(source.log), out)


def to_prov_jsonld(parts: Iterable[Document], log: str, out: BinaryIO) -> None:
    """Write documents that say every thing and every relation once.

    Args:
        parts: Valid ones.
        log: The log's id, 0x-hex; identifiers are made unique by it.
        out: Where they go.
    """
    write_list(out, b'{"@context":' + encode(context(log)) + b',\n"@graph":[\n', _graph(parts), b"]}\n")


def context(log: str) -> dict[str, Any]:
    """The JSON-LD context: the submission's terms that are used, and ours."""
    relations = {
        name: {"@id": f"prov:{name}", "@context": _scoped(name, source, target)}
        for name, source, target in _FORMS.values()
    }
    activity = {
        name: {"@id": f"prov:{name[:-4]}edAtTime", "@type": "xsd:dateTime"} for name in ("startTime", "endTime")
    }
    return {
        "@version": 1.1,
        "prov": "http://www.w3.org/ns/prov#",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "consentry": VOCABULARY,
        "log": f"urn:consentry:log:{log}:",
        "type": {"@id": "rdf:type", **_IS_ID},
        "label": {"@id": "rdfs:label"},
        "role": {"@id": "prov:hadRole", **_IS_ID},
        "entity": {"@id": "prov:entity", **_IS_ID},
        "activity": {"@id": "prov:activity", **_IS_ID},
        "agent": {"@id": "prov:agent", **_IS_ID},
        "Entity": "prov:Entity",
        "Agent": "prov:Agent",
        "Activity": {"@id": "prov:Activity", "@context": activity},
        **relations,
    }


def _scoped(name: str, source: str, target: str) -> dict[str, Any]:
    terms: dict[str, Any] = {source: {"@reverse": f"prov:qualified{name}", **_IS_ID}}
    if target in _TARGETS:
        terms[target] = {"@id": _TARGETS[target], **_IS_ID}
    if name in ("Usage", "Generation"):
        terms["time"] = _TIME
    return terms


def _graph(parts: Iterable[Document]) -> Iterator[dict[str, Any]]:
    for part in parts:
        yield from map(_node, part.nodes.values())
        yield from map(_relation, part.relations)


def _node(node: Node) -> dict[str, Any]:
    written: dict[str, Any] = {
        "@type": node.thing.value.capitalize(),
        "@id": f"log:{local_name(node.id)}",
        "type": [term(node.type)],
    }
    if node.label:
        written["label"] = [{"@value": node.label}]
    if node.start is not None:
        written["startTime"] = date_time(node.start)
    if node.end is not None:
        written["endTime"] = date_time(node.end)
    return written | {f"consentry:{name}": [_value(value)] for name, value in node.facts.items()}


def _relation(relation: Relation) -> dict[str, Any]:
    form, source, target = _FORMS[relation.link]
    written: dict[str, Any] = {
        "@type": form,
        source: f"log:{local_name(relation.source)}",
        target: f"log:{local_name(relation.target)}",
    }
    if relation.time is not None:
        written["time"] = date_time(relation.time)
    if relation.role:
        written["role"] = [f"consentry:{relation.role}"]
    return written


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"@value": value}
    if isinstance(value, int):
        return {"@value": str(value), "@type": "xsd:long"}
    return {"@value": value}
