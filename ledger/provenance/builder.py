"""From the entries of a log to the provenance document: who asked, what was decided, what came out of it.

The entries say one by one who asked, what was decided and from which consents, what was computed from that, and what
came out; the document says it as a graph.

Invariants:

- It is built from log entries alone; names of studies and institutions only label what the entries speak of.
- Nothing personal is in it: cohorts and inputs appear as their commitments.
- What the entries do not say is not made up: a computation without an end has none.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ledger.domain.audit import Kind
from ledger.provenance.document import Document, Link, Node, Thing, Value

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class Builder:
    """Makes the document of one log, entry by entry, in order.

    Args:
        names: Labels of studies, engines and institutions, by 0x-hex id.
    """

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self.document = Document()
        self._names = names or {}
        self._cohorts: dict[str, str] = {}
        self._outputs: dict[str, str] = {}
        self._ended: dict[str, str] = {}
        self._made: dict[str, list[str]] = {}

    def take(self, entry: Mapping[str, Any], leaf: str) -> None:
        """Take in one entry.

        Args:
            entry: Its document.
            leaf: Its leaf hash, 0x-hex; it ties the activity to the proofs of the log.
        """
        match Kind(entry["kind"]):
            case Kind.DECISION:
                self._decision(entry, leaf)
            case Kind.STARTED | Kind.COMPLETED | Kind.FAILED | Kind.WITHHELD:
                self._computation(entry, leaf)
            case _:
                self._other(entry, leaf)

    def _decision(self, entry: Mapping[str, Any], leaf: str) -> None:
        facts, document = entry["facts"], self.document
        at = facts.get("at", entry["time"])
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
        self._cohorts[entry["decision"]] = rows
        document.relate(Link.GENERATED, rows, decision, time=at)
        document.relate(Link.ATTRIBUTED, rows, service)
        if state:
            document.relate(Link.DERIVED, rows, state)

    def _computation(self, entry: Mapping[str, Any], leaf: str) -> None:
        facts, document, time = entry["facts"], self.document, entry["time"]
        run = f"computation/{facts.get('run') or str(entry['index'])}"
        known = document.nodes.get(run)
        started = Kind(entry["kind"]) is Kind.STARTED
        if known is None:
            known = Node(
                id=run,
                thing=Thing.ACTIVITY,
                type="Computation",
                label=f"{entry['operation'] or 'computation'} for {self._name(entry['study'])}",
                facts=_plain(entry, leaf) | _engine(facts) | _scalars("parameter", facts.get("parameters")),
                start=time if started or entry["kind"] == Kind.WITHHELD else None,
            )
            document.add(known)
            self._associate(run, entry, "engine")
            self._inform(run, entry)
            cohort = self._cohorts.get(entry["decision"])
            if cohort:
                document.relate(Link.USED, run, cohort)
        if started:
            return
        # A clock that was set back between the two entries leaves an end before the start; then no end is claimed.
        end = time if known.start is None or known.start <= time else None
        status = {"status": entry["kind"].rpartition(".")[2], "endEntry": entry["index"], "endLeaf": leaf}
        said = _scalars("fact", facts.get("facts"))
        document.nodes[run] = replace(known, end=end, facts={**known.facts, **status, **said})
        self._ended[leaf] = run
        for recheck in facts.get("rechecks") or ():
            if f"decision/{recheck}" in document.nodes:
                document.relate(Link.INFORMED, run, f"decision/{recheck}")
        self._lineage(run, entry, end)

    def _lineage(self, run: str, entry: Mapping[str, Any], end: int | None) -> None:
        facts, document = entry["facts"], self.document
        sources: list[str] = []
        for number, given in enumerate(facts.get("inputs") or ()):
            read = Node(
                id=f"input/{run.partition('/')[2]}/{number}",
                thing=Thing.ENTITY,
                type="Input",
                label="the permitted rows that were read, as a salted commitment",
                facts={"commitment": given["commitment"], "rows": str(given.get("rows", ""))},
            )
            sources.append(document.add(read))
        for parent in facts.get("parents") or ():
            sources += self._parent(run, parent)
        for source in sources:
            document.relate(Link.USED, run, source)
        if entry["kind"] != Kind.COMPLETED:
            return
        for output in facts.get("outputs") or ():
            made = Node(
                id=f"output/{run.partition('/')[2]}/{output['name']}",
                thing=Thing.ENTITY,
                type="Output",
                label=output["name"],
                facts={"sha256": output["sha256"]},
            )
            self._outputs[output["sha256"]] = document.add(made)
            self._made.setdefault(run, []).append(made.id)
            document.relate(Link.GENERATED, made.id, run, time=end)
            if entry["engine"]:
                document.relate(Link.ATTRIBUTED, made.id, f"engine/{entry['engine']}")
            for source in sources:
                document.relate(Link.DERIVED, made.id, source)

    def _parent(self, run: str, parent: str) -> list[str]:
        """What a parent stands for: the outputs of the entry with this leaf, an output with this hash, or the hash."""
        document = self.document
        before = self._ended.get(parent)
        if before is not None:
            document.relate(Link.INFORMED, run, before)
            return self._made.get(before, [])
        known = self._outputs.get(parent)
        return [known or document.add(Node(f"parent/{parent}", Thing.ENTITY, "Parent"))]

    def _other(self, entry: Mapping[str, Any], leaf: str) -> None:
        activity = self.document.add(
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
        self._inform(activity, entry)
        cohort = self._cohorts.get(entry["decision"])
        if cohort:
            self.document.relate(Link.USED, activity, cohort)

    def _associate(self, activity: str, entry: Mapping[str, Any], role: str) -> None:
        document, log = self.document, entry["log"]
        if entry["engine"]:
            engine = document.add(
                Node(
                    id=f"engine/{entry['engine']}",
                    thing=Thing.AGENT,
                    type="prov:SoftwareAgent",
                    label=self._name(entry["engine"]),
                )
            )
            institution = document.add(Node(f"institution/{log}", Thing.AGENT, "prov:Organization", self._name(log)))
            document.relate(Link.DELEGATED, engine, institution)
            document.relate(Link.ASSOCIATED, activity, engine, role=role)
            return
        kind, _, who = entry["actor"].partition(":")
        if not who:
            document.relate(Link.ASSOCIATED, activity, self._service(), role=role)
            return
        agent = Node(f"{kind}/{who}", Thing.AGENT, "prov:Organization" if kind == "institution" else "prov:Agent")
        document.relate(Link.ASSOCIATED, activity, document.add(replace(agent, label=self._name(who))), role=role)

    def _inform(self, activity: str, entry: Mapping[str, Any]) -> None:
        decision = f"decision/{entry['decision']}"
        if decision in self.document.nodes:
            self.document.relate(Link.INFORMED, activity, decision)

    def _consents(self, entry: Mapping[str, Any]) -> str:
        block = entry["block"]
        if block is None:
            return ""
        return self.document.add(
            Node(
                id=f"consents/{block['hash']}",
                thing=Thing.ENTITY,
                type="ConsentState",
                label=f"consents as of block {block['number']}",
                facts={"block": block["number"], "hash": block["hash"]},
            )
        )

    def _service(self) -> str:
        return self.document.add(Node("service", Thing.AGENT, "prov:SoftwareAgent", "Consentry"))

    def _name(self, id: str) -> str:
        return self._names.get(id, id)


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
    builder = Builder(names)
    for entry, leaf in entries:
        builder.take(entry, leaf)
    return builder.document
