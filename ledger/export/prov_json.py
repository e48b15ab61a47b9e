"""PROV-JSON of a log (W3C member submission), written from the neutral document.

Stricter than the submission's schema, which accepts "yesterday" as a time: times are xsd:dateTime in UTC, every
relation has both its ends, and the document satisfies the constraints of ``ledger.provenance.constraints``.

Source: https://www.w3.org/submissions/prov-json/
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from ledger.domain.identifiers import to_hex
from ledger.errors import MirrorDiverged, NotFound
from ledger.provenance.builder import Builder
from ledger.provenance.constraints import violations
from ledger.provenance.document import Document, Link, Node, Relation, Value
from ledger.services.export import Ports
from ledger.transparency import canonical

VOCABULARY = "urn:consentry:terms:"
_ENDS = {
    Link.USED: ("prov:activity", "prov:entity"),
    Link.GENERATED: ("prov:entity", "prov:activity"),
    Link.ASSOCIATED: ("prov:activity", "prov:agent"),
    Link.DELEGATED: ("prov:delegate", "prov:responsible"),
    Link.INFORMED: ("prov:informed", "prov:informant"),
    Link.ATTRIBUTED: ("prov:entity", "prov:agent"),
    Link.DERIVED: ("prov:generatedEntity", "prov:usedEntity"),
}


def export_prov(ports: Ports, log: bytes) -> dict[str, Any]:
    """The PROV-JSON document of a log, up to its newest checkpoint.

    Args:
        ports: The services' context.
        log: The log's id.

    Raises:
        NotFound: There is no such institution.
        MirrorDiverged: The entries do not make valid provenance: the log was changed, or a clock ran wild.
    """
    institution = ports.mirror.institution(log)
    if institution is None:
        raise NotFound(f"institution {to_hex(log)} is not admitted, so it has no log")
    names = {to_hex(log): institution.name}
    for kind in ("Study", "Engine"):
        for fact in ports.mirror.current(kind):
            names[to_hex(getattr(fact, "id", b""))] = str(getattr(fact, "title", "") or getattr(fact, "name", ""))
    newest = ports.audit.checkpoint(log)
    builder = Builder(names)
    for entry in ports.audit.entries(log, 0, 0 if newest is None else newest.size):
        builder.take(canonical.decode_object(entry.canonical), to_hex(entry.leaf))
    wrong = violations(builder.document)
    if wrong:
        raise MirrorDiverged(f"the log does not make valid provenance ({wrong[0]}); run audit fsck")
    return to_prov_json(builder.document, to_hex(log))


def to_prov_json(document: Document, log: str) -> dict[str, Any]:
    """The PROV-JSON form of a document.

    Args:
        document: A valid one.
        log: The log's id, 0x-hex; identifiers are made unique by it.
    """
    written: dict[str, Any] = {
        "prefix": {
            "prov": "http://www.w3.org/ns/prov#",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
            "consentry": VOCABULARY,
            "log": f"urn:consentry:log:{log}:",
        }
    }
    for node in document.nodes.values():
        written.setdefault(node.thing.value, {})[f"log:{node.id}"] = _node(node)
    numbers: Counter[str] = Counter()
    for relation in document.relations:
        numbers[relation.link] += 1
        name = f"_:{relation.link}{numbers[relation.link]}"
        written.setdefault(relation.link.value, {})[name] = _relation(relation)
    return written


def date_time(seconds: int) -> str:
    """An instant as xsd:dateTime, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _node(node: Node) -> dict[str, Any]:
    term = node.type if ":" in node.type else f"consentry:{node.type}"
    written: dict[str, Any] = {"prov:type": {"$": term, "type": "prov:QUALIFIED_NAME"}}
    if node.label:
        written["prov:label"] = node.label
    if node.start is not None:
        written["prov:startTime"] = date_time(node.start)
    if node.end is not None:
        written["prov:endTime"] = date_time(node.end)
    return written | {f"consentry:{name}": _value(value) for name, value in node.facts.items()}


def _relation(relation: Relation) -> dict[str, Any]:
    ends = _ENDS[relation.link]
    written: dict[str, Any] = {ends[0]: f"log:{relation.source}", ends[1]: f"log:{relation.target}"}
    if relation.time is not None:
        written["prov:time"] = date_time(relation.time)
    if relation.role:
        written["prov:role"] = relation.role
    return written


def _value(value: Value) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"$": str(value), "type": "xsd:long"}
    return value
