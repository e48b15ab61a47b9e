"""Reading an ontology file: the parents of each code, from three forms.

- JSON, child to parents: ``{"terms": {code: {"label": .., "parents": [..]}}}``, or the map of terms alone, where a term
  may also be the bare list of its parents.
- OBO graphs in JSON (https://github.com/geneontology/obographs), as ontologies publish them.
- OBO 1.4 (https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html).

Invariants: only ``is_a`` makes a parent; a term that the ontology gave up is not held, so what names it is unknown;
a code with two stanzas, or under two spellings, is refused; a file that names no term is no ontology.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec

from ledger.domain.ontology import Ancestry, curie
from ledger.errors import InvalidInput, TooLarge

MOST_BYTES: Final = 512 << 20


@dataclass(frozen=True, slots=True)
class OntologyFile:
    """What a file says.

    Attributes:
        labels: The label of each code; empty where it has none.
        parents: The parents of each code, as CURIEs, in order and without repetition.
        version: SHA-256 of the file, in hex.
        obsolete: How many terms were left out because the ontology gave them up.
    """

    labels: dict[str, str]
    parents: dict[str, tuple[str, ...]]
    version: str
    obsolete: int = 0

    def ancestry(self) -> Ancestry:
        """The ancestry of its codes."""
        return Ancestry(self.parents, self.version)


class _Meta(msgspec.Struct):
    deprecated: bool = False


class _Node(msgspec.Struct):
    id: str
    lbl: str | None = None
    type: str | None = None
    meta: _Meta | None = None


class _Edge(msgspec.Struct):
    sub: str
    pred: str
    obj: str


class _Graph(msgspec.Struct):
    nodes: list[_Node] = []
    edges: list[_Edge] = []


class _Graphs(msgspec.Struct):
    graphs: list[_Graph]


class _Term(msgspec.Struct, forbid_unknown_fields=True):
    parents: list[str]
    label: str = ""


class _Terms(msgspec.Struct):
    terms: dict[str, _Term | list[str]]


class _Gathering:
    """Terms as they are found."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.parents: dict[str, list[str]] = {}
        self.obsolete = 0

    def add(self, code: str, label: str) -> None:
        """Note a term."""
        name = curie(code)
        if not name.strip():
            raise InvalidInput("the ontology has a term without a code: mend the file")
        if name in self.parents:
            raise InvalidInput(f"the ontology has {name[:60]} twice: mend the file")
        self.labels[name] = label
        self.parents[name] = []

    def link(self, code: str, parent: str) -> None:
        """Note a parent, of a term that was added; of another it says nothing that is held."""
        of = self.parents.get(curie(code))
        if of is not None and curie(parent) not in of:
            of.append(curie(parent))

    def done(self, data: bytes) -> OntologyFile:
        """What was found, checked."""
        if not self.parents:
            raise InvalidInput("the file names no term: give a Mondo file, or another ontology's, in JSON or OBO")
        parents = {code: tuple(found) for code, found in self.parents.items()}
        found = OntologyFile(self.labels, parents, sha256(data).hexdigest(), self.obsolete)
        found.ancestry().check()
        return found


def read_ontology(data: bytes) -> OntologyFile:
    """Read an ontology file of any of the three forms.

    Args:
        data: The whole file.

    Raises:
        InvalidInput: It has none of the forms, names no term or one twice, or has a cycle.
        TooLarge: It is over ``MOST_BYTES``.
    """
    if len(data) > MOST_BYTES:
        raise TooLarge(f"the file has {len(data):,} bytes; at most {MOST_BYTES:,} are read")
    found = _Gathering()
    try:
        text = data.decode("utf-8-sig")
        if text.lstrip().startswith("{"):
            _read_json(text, found)
        else:
            _read_obo(text, found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise InvalidInput(f"the file is no ontology in JSON or OBO: {problem}") from problem
    return found.done(data)


def _read_json(data: str, found: _Gathering) -> None:
    keys = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).keys()
    if "graphs" in keys:
        _read_graphs(msgspec.json.decode(data, type=_Graphs), found)
        return
    kind: Any = _Terms if "terms" in keys else dict[str, _Term | list[str]]
    document = msgspec.json.decode(data, type=kind)
    terms = document.terms if isinstance(document, _Terms) else document
    for code, term in terms.items():
        found.add(code, term.label if isinstance(term, _Term) else "")
        for parent in term.parents if isinstance(term, _Term) else term:
            found.link(code, parent)


def _read_graphs(document: _Graphs, found: _Gathering) -> None:
    for graph in document.graphs:
        for node in graph.nodes:
            if node.meta is not None and node.meta.deprecated:
                found.obsolete += 1
            # a node without a type and a label is only referred to; one of several graphs may stand in each of them
            elif (node.type or (node.lbl and "CLASS")) == "CLASS" and curie(node.id) not in found.parents:
                found.add(node.id, node.lbl or "")
    for graph in document.graphs:
        for edge in graph.edges:
            if edge.pred == "is_a":
                found.link(edge.sub, edge.obj)


def _read_obo(text: str, found: _Gathering) -> None:
    stanza: dict[str, list[str]] | None = None
    # not splitlines: it would also end a line at U+2028 and the like, within a definition
    for line in [*text.split("\n"), "[End]"]:
        if line.startswith("["):
            if stanza is not None:
                _add_stanza(stanza, found)
            stanza = {} if line.strip() == "[Term]" else None
        elif stanza is not None:
            tag, colon, value = line.partition(":")
            if colon:
                stanza.setdefault(tag.strip(), []).append(value.partition(" ! ")[0].strip())


def _add_stanza(stanza: dict[str, list[str]], found: _Gathering) -> None:
    ids = stanza.get("id", [])
    if len(ids) != 1:
        raise InvalidInput("the ontology has a [Term] without exactly one id: mend the file")
    if "true" in stanza.get("is_obsolete", []):
        found.obsolete += 1
        return
    code = _first(ids[0])
    found.add(code, (stanza.get("name") or [""])[0])
    for value in stanza.get("is_a", []):
        found.link(code, _first(value))


def _first(value: str) -> str:
    """The code of a value; what follows it is a comment or a list of qualifiers in braces."""
    words = value.split()
    if not words:
        raise InvalidInput("the ontology has an id or is_a without a code: mend the file")
    return words[0]
