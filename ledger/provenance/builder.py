"""From the entries of a log to the provenance document: who asked, what was decided, what came out of it.

The entries say one by one who asked, what was decided and from which consents, what was computed from that, and what
came out; the document says it as a graph. It comes in parts, one an entry, so that a log of any length can be written
as it is read; of what went before, only what later entries may refer to is kept, in a short form.

Invariants:

- It is built from log entries alone; names of studies and institutions only label what the entries speak of.
- Nothing personal is in it: cohorts and inputs appear as their commitments.
- What the entries do not say is not made up: a computation without an end has none.
- The parts together say every thing and every relation once.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import msgspec

from ledger.domain import computation
from ledger.domain.audit import Kind
from ledger.provenance.constraints import violations
from ledger.provenance.document import Document, Link, Node, Thing, Value

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@dataclass(slots=True)
class Part:
    """What one entry adds.

    Attributes:
        document: New things and relations.
        before: What is known from earlier of the things that the new relations refer to.
    """

    document: Document = field(default_factory=Document)
    before: Document = field(default_factory=Document)

    def violations(self) -> list[str]:
        """What is wrong with it as provenance, one line each."""
        new, old = self.document, self.before
        return violations(Document({**old.nodes, **new.nodes}, {**old.relations, **new.relations}))


class _Run(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A completed computation: its id, its end, and its outputs by the short form of their hashes."""

    id: str
    end: int | None
    outputs: dict[bytes, str]

    def name(self, output: str) -> str:
        return f"output/{self.id.partition('/')[2]}/{output}"


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Run).decode


class Builder:
    """Makes the document of one log, entry by entry, in order.

    Args:
        names: Labels of studies, engines and institutions, by 0x-hex id.
    """

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self._names = names or {}
        self._part = Part()
        self._shared: set[bytes] = set()
        self._decided: dict[bytes, int] = {}
        self._with_cohort: set[bytes] = set()
        self._open: dict[str, Node] = {}
        self._closed: set[bytes] = set()
        self._by_leaf: dict[bytes, bytes] = {}  # of each run what ``_pack`` makes of it: a fifth of the object
        self._by_output: dict[bytes, bytes] = {}

    def take(self, entry: Mapping[str, Any], leaf: str) -> Part:
        """Take in one entry.

        Args:
            entry: Its document.
            leaf: Its leaf hash, 0x-hex; it ties the activity to the proofs of the log.

        Returns:
            What it adds. The activity of a computation comes with the entry that ends it.
        """
        self._part = Part()
        kind = Kind(entry["kind"])
        run = f"computation/{computation.run_of(entry)}"
        if kind is Kind.DERIVED:  # a computation in one entry, which may name the run that it came after
            run = f"computation/derived/{entry['index']}"
        if kind is Kind.DECISION:
            self._decision(entry, leaf)
        elif kind is Kind.STARTED and run not in self._open and _short(run) not in self._closed:
            self._start(run, entry, leaf)
        elif kind in {*computation.ENDS, Kind.DERIVED} and _short(run) not in self._closed:
            self._end(run, entry, leaf)
        else:  # a second start or end tells of no further computation
            self._other(entry, leaf)
        return self._part

    def finish(self) -> Part:
        """What is left: the computations that never ended."""
        self._part = Part(Document(nodes={node.id: node for node in self._open.values()}))
        self._open.clear()
        return self._part

    def _decision(self, entry: Mapping[str, Any], leaf: str) -> None:
        facts, document = computation.facts_of(entry), self._part.document
        at = facts.get("at", entry["time"])
        self._again(entry["decision"])
        decision = document.add(
            Node(
                id=f"decision/{entry['decision']}",
                thing=Thing.ACTIVITY,
                type="Decision",
                label=f"decision for {self._name(entry['study'])}",
                facts=_plain(entry, leaf) | {"outcome": facts.get("outcome", ""), "policy": facts.get("policy", "")},
                start=at,
                end=at,
            )
        )
        self._decided[_short(entry["decision"])] = at
        service = self._service()
        document.relate(Link.ASSOCIATED, decision, service, role="decider")
        self._associate(decision, entry, "requester")
        state = self._consents(entry)
        cohort = facts.get("cohort")
        if state:
            document.relate(Link.USED, decision, state, time=at)
        if not isinstance(cohort, Mapping):
            return
        rows = document.add(
            Node(
                id=f"cohort/{entry['decision']}",
                thing=Thing.ENTITY,
                type="Cohort",
                label="the subjects considered, as a commitment",
                facts={
                    "root": cohort["root"],
                    "considered": cohort["size"],
                    "permitted": facts.get("permitted", 0),
                },
            )
        )
        self._with_cohort.add(_short(entry["decision"]))
        document.relate(Link.GENERATED, rows, decision, time=at)
        document.relate(Link.ATTRIBUTED, rows, service)
        if state:
            document.relate(Link.DERIVED, rows, state)

    def _again(self, decision: str) -> None:
        """Let a decision that a log tells of twice be found as what it is: its cohort was generated twice."""
        at = self._decided.get(_short(decision))
        if at is not None:
            before = self._part.before
            first = before.add(Node(f"decision/{decision}/first", Thing.ACTIVITY, "Decision", start=at, end=at))
            before.relate(Link.GENERATED, f"cohort/{decision}", first, time=at)

    def _start(self, run: str, entry: Mapping[str, Any], leaf: str) -> Node:
        facts = computation.facts_of(entry)
        kind = Kind(entry["kind"])
        node = Node(
            id=run,
            thing=Thing.ACTIVITY,
            type="Computation",
            label=f"{entry['operation'] or 'computation'} for {self._name(entry['study'])}",
            facts=_plain(entry, leaf) | _engine(facts) | _scalars("parameter", facts.get("parameters")),
            start=entry["time"] if kind in (Kind.STARTED, Kind.WITHHELD) else None,
        )
        self._open[run] = self._part.before.nodes[run] = node
        self._associate(run, entry, "engine")
        self._rest_on(run, entry)
        return node

    def _end(self, run: str, entry: Mapping[str, Any], leaf: str) -> None:
        facts, document, time = computation.facts_of(entry), self._part.document, entry["time"]
        known = self._open.get(run) or self._start(run, entry, leaf)
        del self._open[run]
        sources = self._sources(run, entry)
        # A clock that was set back leaves an end before the start, or before what was built on; then none is claimed.
        earlier = [known.start, *(relation.time for relation in self._part.before.relations)]
        end = None if any(at is not None and at > time for at in earlier) else time
        status = {"status": entry["kind"].rpartition(".")[2], "endEntry": entry["index"], "endLeaf": leaf}
        spoken = _scalars("fact", facts.get("facts"))
        document.nodes[run] = replace(known, end=end, facts={**known.facts, **status, **spoken})
        for decision in computation.decisions_of(entry)[1:]:
            self._inform(run, decision)
        outputs = computation.outputs_of(entry)
        made = _Run(run, end, {_short(output.sha256): output.name for output in outputs})
        for output in outputs:
            node = Node(made.name(output.name), Thing.ENTITY, "Output", output.name, {"sha256": output.sha256})
            document.relate(Link.GENERATED, document.add(node), run, time=end)
            if entry["engine"]:
                document.relate(Link.ATTRIBUTED, node.id, f"engine/{entry['engine']}")
                self._share(self._engine(entry["engine"]))
            for source in sources:
                document.relate(Link.DERIVED, node.id, source)
        self._closed.add(_short(run))
        self._by_leaf[_short(leaf)] = packed = _pack(made)
        self._by_output.update(dict.fromkeys(made.outputs, packed))

    def _sources(self, run: str, entry: Mapping[str, Any]) -> list[str]:
        """What a computation read: the rows, and what its parents stand for."""
        document = self._part.document
        sources = [
            document.add(
                Node(
                    id=f"input/{run.partition('/')[2]}/{number}",
                    thing=Thing.ENTITY,
                    type="Input",
                    label="the permitted rows that were read, as a salted commitment",
                    facts={"commitment": given.commitment, "rows": given.rows},
                )
            )
            for number, given in enumerate(computation.inputs_of(entry))
        ]
        for parent in computation.parents_of(entry):
            sources += self._parent(run, parent)
        for source in sources:
            document.relate(Link.USED, run, source)
        return sources

    def _parent(self, run: str, parent: str) -> list[str]:
        """What a parent stands for: the outputs of the entry with this leaf, an output with this hash, or the hash."""
        packed = self._by_leaf.get(_short(parent))
        if packed is not None:
            before = _unpack(packed)
            self._part.before.add(Node(before.id, Thing.ACTIVITY, "Computation", end=before.end))
            self._part.document.relate(Link.INFORMED, run, before.id)
            return [self._made(before, name) for name in before.outputs.values()]
        packed = self._by_output.get(_short(parent))
        if packed is not None:
            maker = _unpack(packed)
            return [self._made(maker, maker.outputs[_short(parent)])]
        return [self._share(Node(f"parent/{parent}", Thing.ENTITY, "Parent"))]

    def _made(self, run: _Run, output: str) -> str:
        before = self._part.before
        before.add(Node(run.id, Thing.ACTIVITY, "Computation", end=run.end))
        made = before.add(Node(run.name(output), Thing.ENTITY, "Output"))
        before.relate(Link.GENERATED, made, run.id, time=run.end)
        return made

    def _other(self, entry: Mapping[str, Any], leaf: str) -> None:
        activity = self._part.document.add(
            Node(
                id=f"event/{entry['index']}",
                thing=Thing.ACTIVITY,
                type="".join(part.capitalize() for part in entry["kind"].split(".")),
                label=entry["kind"],
                facts=_plain(entry, leaf),
                start=entry["time"],
                end=entry["time"],
            )
        )
        self._associate(activity, entry, "actor")
        self._rest_on(activity, entry)

    def _associate(self, activity: str, entry: Mapping[str, Any], role: str) -> None:
        document, log = self._part.document, entry["log"]
        if entry["engine"]:
            node = self._engine(entry["engine"])
            is_new = _short(node.id) not in self._shared
            engine = self._share(node)
            if is_new:
                owner = Node(f"institution/{log}", Thing.AGENT, "prov:Organization", self._name(log))
                document.relate(Link.DELEGATED, engine, self._share(owner))
            document.relate(Link.ASSOCIATED, activity, engine, role=role)
            return
        kind, _, who = entry["actor"].partition(":")
        if not who:
            document.relate(Link.ASSOCIATED, activity, self._service(), role=role)
            return
        form = "prov:Organization" if kind == "institution" else "prov:Agent"
        agent = self._share(Node(f"{kind}/{who}", Thing.AGENT, form, self._name(who)))
        document.relate(Link.ASSOCIATED, activity, agent, role=role)

    def _rest_on(self, activity: str, entry: Mapping[str, Any]) -> None:
        """Say which decision allowed an activity, and that it used the cohort of that."""
        self._inform(activity, entry["decision"])
        if _short(entry["decision"]) in self._with_cohort:
            cohort = self._part.before.add(Node(f"cohort/{entry['decision']}", Thing.ENTITY, "Cohort"))
            self._part.document.relate(Link.USED, activity, cohort)

    def _inform(self, activity: str, decision: str) -> None:
        at = self._decided.get(_short(decision))
        if at is not None:
            known = self._part.before.add(Node(f"decision/{decision}", Thing.ACTIVITY, "Decision", start=at, end=at))
            self._part.document.relate(Link.INFORMED, activity, known)

    def _consents(self, entry: Mapping[str, Any]) -> str:
        block = entry["block"]
        if block is None:
            return ""
        return self._share(
            Node(
                id=f"consents/{block['hash']}",
                thing=Thing.ENTITY,
                type="ConsentState",
                label=f"consents as of block {block['number']}",
                facts={"block": block["number"], "hash": block["hash"]},
            )
        )

    def _engine(self, engine: str) -> Node:
        return Node(f"engine/{engine}", Thing.AGENT, "prov:SoftwareAgent", self._name(engine))

    def _service(self) -> str:
        return self._share(Node("service", Thing.AGENT, "prov:SoftwareAgent", "Consentry"))

    def _share(self, node: Node) -> str:
        """Add a thing that more than one entry speaks of, if it is not there."""
        if _short(node.id) in self._shared:
            return self._part.before.add(node)
        self._shared.add(_short(node.id))
        return self._part.document.add(node)

    def _name(self, id: str) -> str:
        return self._names.get(id, id)


def _short(text: str) -> bytes:
    """What stands for an id or hash in the memory of a builder: 12 bytes, on which nobody collides by chance."""
    return blake2b(text.encode(), digest_size=12).digest()


def _plain(entry: Mapping[str, Any], leaf: str) -> dict[str, Value]:
    said = {name: entry[name] for name in ("study", "operation", "actor") if entry[name]}
    return {"entry": entry["index"], "leaf": leaf, **said}


def _engine(facts: Mapping[str, Any]) -> dict[str, Value]:
    engine = facts.get("engine")
    if not isinstance(engine, Mapping):
        return {}
    return {f"engine-{name}": str(engine[name]) for name in ("name", "version", "code") if engine.get(name)}


def _scalars(prefix: str, said: Any) -> dict[str, Value]:
    """The plain values of what an engine said, under names that every format can write."""
    if not isinstance(said, Mapping):
        return {}
    return {
        f"{prefix}-{name}": value for name, value in said.items() if isinstance(value, str | int) and _NAME.match(name)
    }


def build(entries: Iterable[tuple[Mapping[str, Any], str]], names: Mapping[str, str] | None = None) -> Document:
    """The document of some entries, each with its leaf hash (0x-hex), in the order of the log."""
    builder, whole = Builder(names), Document()
    for part in (*(builder.take(entry, leaf) for entry, leaf in entries), builder.finish()):
        whole.nodes.update(part.document.nodes)
        whole.relations.update(part.document.relations)
    return whole
