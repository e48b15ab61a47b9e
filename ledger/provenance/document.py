"""The neutral provenance document that every provenance export is written from, in the terms of W3C PROV-DM.

Invariants: an identifier names one thing of one kind; things and relations stand in the order in which they were
learnt, each once. Whether a document is valid PROV, ``ledger.provenance.constraints`` says.

Source: https://www.w3.org/TR/prov-dm/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Value = str | int | bool


class Thing(StrEnum):
    """The kinds of things of PROV."""

    ENTITY = "entity"
    ACTIVITY = "activity"
    AGENT = "agent"


class Link(StrEnum):
    """The relations that are used, by their PROV names."""

    USED = "used"
    GENERATED = "wasGeneratedBy"
    ASSOCIATED = "wasAssociatedWith"
    DELEGATED = "actedOnBehalfOf"
    INFORMED = "wasInformedBy"
    ATTRIBUTED = "wasAttributedTo"
    DERIVED = "wasDerivedFrom"


@dataclass(frozen=True, slots=True)
class Node:
    """An entity, activity or agent.

    Attributes:
        id: Its identifier within the document, such as ``decision/0x..``.
        thing: Its kind.
        type: What it is: a term of ours (``Decision``), or of PROV with its prefix (``prov:SoftwareAgent``).
        label: A name for people, or "".
        facts: Further attributes by name.
        start: When an activity began, seconds UTC; None where it is not known, and for other kinds.
        end: When it ended.
    """

    id: str
    thing: Thing
    type: str
    label: str = ""
    facts: Mapping[str, Value] = field(default_factory=dict)
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """``source`` stands in a relation to ``target``, in PROV-N's order; ``time`` in seconds UTC where it has one."""

    link: Link
    source: str
    target: str
    time: int | None = None
    role: str = ""


@dataclass(slots=True)
class Document:
    """Things by id, and relations in the order in which they were learnt, each once."""

    nodes: dict[str, Node] = field(default_factory=dict)
    relations: dict[Relation, None] = field(default_factory=dict)

    def add(self, node: Node) -> str:
        """Add a thing, if it is not there; returns its id."""
        self.nodes.setdefault(node.id, node)
        return node.id

    def relate(self, link: Link, source: str, target: str, *, time: int | None = None, role: str = "") -> None:
        """Add a relation, if it is not there."""
        self.relations.setdefault(Relation(link, source, target, time, role))
