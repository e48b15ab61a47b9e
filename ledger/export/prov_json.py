"""PROV-JSON of a log (W3C member submission), written from the neutral document.

Stricter than the submission's schema, which accepts "yesterday" as a time: times are xsd:dateTime in UTC, every
relation has both its ends, and the document satisfies the constraints of ``ledger.provenance.constraints``.

Source: https://www.w3.org/submissions/prov-json/
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ledger.domain.identifiers import to_hex
from ledger.export.parts import VOCABULARY, date_time, local_name, parts_of, term
from ledger.export.sections import Sections, encode
from ledger.export.source import Source
from ledger.provenance.document import Document, Link, Node, Relation, Thing, Value

_ENDS = {
    Link.USED: ("prov:activity", "prov:entity"),
    Link.GENERATED: ("prov:entity", "prov:activity"),
    Link.ASSOCIATED: ("prov:activity", "prov:agent"),
    Link.DELEGATED: ("prov:delegate", "prov:responsible"),
    Link.INFORMED: ("prov:informed", "prov:informant"),
    Link.ATTRIBUTED: ("prov:entity", "prov:agent"),
    Link.DERIVED: ("prov:generatedEntity", "prov:usedEntity"),
}
_ORDER = (*Thing, *Link)


def export_prov(source: Source, out: BinaryIO) -> None:
    """Write the PROV-JSON document of a log, up to its newest checkpoint.

    Raises:
        MirrorDiverged: The entries do not make valid provenance: the log was changed, or a clock ran wild.
    """
    out.writelines(to_prov_json(parts_of(source), to_hex(source.log), source.folder))


def to_prov_json(parts: Iterable[Document], log: str, folder: Path | None = None) -> Iterator[bytes]:
    """The PROV-JSON form of documents that say every thing and every relation once.

    Args:
        parts: Valid ones.
        log: The log's id, 0x-hex; identifiers are made unique by it.
        folder: Where the sections lie while they fill.
    """
    prefix = {
        "prov": "http://www.w3.org/ns/prov#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "consentry": VOCABULARY,
        "log": f"urn:consentry:log:{log}:",
    }
    numbers: Counter[str] = Counter()
    with Sections(folder) as sections:
        for part in parts:
            for node in part.nodes.values():
                sections.add(node.thing, _member(f"log:{local_name(node.id)}", _node(node)))
            for relation in part.relations:
                numbers[relation.link] += 1
                name = f"_:{relation.link}{numbers[relation.link]}"
                sections.add(relation.link, _member(name, _relation(relation)))
        yield b'{"prefix":' + encode(prefix)
        for section in _ORDER:
            if section in sections.names:
                yield b',\n"' + section.encode() + b'":{\n'
                yield from sections.read(section)
                yield b"}"
        yield b"}\n"


def _member(name: str, value: dict[str, Any]) -> bytes:
    return encode(name) + b":" + encode(value)


def _node(node: Node) -> dict[str, Any]:
    written: dict[str, Any] = {"prov:type": {"$": term(node.type), "type": "prov:QUALIFIED_NAME"}}
    if node.label:
        written["prov:label"] = node.label
    if node.start is not None:
        written["prov:startTime"] = date_time(node.start)
    if node.end is not None:
        written["prov:endTime"] = date_time(node.end)
    return written | {f"consentry:{name}": _value(value) for name, value in node.facts.items()}


def _relation(relation: Relation) -> dict[str, Any]:
    source, target = _ENDS[relation.link]
    written = {source: f"log:{local_name(relation.source)}", target: f"log:{local_name(relation.target)}"}
    if relation.time is not None:
        written["prov:time"] = date_time(relation.time)
    if relation.role:
        written["prov:role"] = relation.role
    return written


def _value(value: Value) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"$": str(value), "type": "xsd:long"}
    return value
