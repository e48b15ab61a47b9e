"""What an entry says of a computation, read with care.

Engines write the facts of their entries freely, so anything may stand there. Invariant: what is not of the form that
lineage has is passed over, and never stops a reader.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.domain.audit import Kind

ENDS = frozenset({Kind.COMPLETED, Kind.FAILED, Kind.WITHHELD})
"""The kinds that end a computation."""


@dataclass(frozen=True, slots=True)
class Input:
    """Rows that were read: the salted commitment to them, and their number as a band."""

    commitment: str
    rows: str


@dataclass(frozen=True, slots=True)
class Output:
    """A result: its name, and its SHA-256 in 0x-hex."""

    name: str
    sha256: str


def facts_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts of an entry; empty where they are no object."""
    return mapping(entry.get("facts"))


def run_of(entry: Mapping[str, Any]) -> str:
    """The run that an entry tells of; the entry's index where it names none."""
    run = facts_of(entry).get("run")
    return run if isinstance(run, str) and run else str(entry["index"])


def inputs_of(entry: Mapping[str, Any]) -> list[Input]:
    """What the computation read."""
    given = (mapping(one) for one in _items(entry, "inputs"))
    return [Input(str(one["commitment"]), str(one.get("rows", ""))) for one in given if "commitment" in one]


def outputs_of(entry: Mapping[str, Any]) -> list[Output]:
    """What a completed computation made, or what model was derived; each name once."""
    if entry["kind"] not in (Kind.COMPLETED, Kind.DERIVED):
        return []
    given = (mapping(one) for one in _items(entry, "outputs"))
    made = {
        str(one["name"]): Output(str(one["name"]), str(one["sha256"]))
        for one in given
        if {"name", "sha256"} <= set(one)
    }
    return list(made.values())


def parents_of(entry: Mapping[str, Any]) -> list[str]:
    """What it builds on: leaf hashes of entries, or SHA-256 of outputs, in 0x-hex."""
    return list(dict.fromkeys(_words(entry, "parents")))


def decisions_of(entry: Mapping[str, Any]) -> list[str]:
    """The decisions that a computation rests on: the one that allowed it, then those asked for while it ran."""
    first = entry.get("decision")
    named = [first] if isinstance(first, str) and first else []
    return list(dict.fromkeys([*named, *_words(entry, "rechecks")]))


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _items(entry: Mapping[str, Any], name: str) -> Iterator[Any]:
    found = facts_of(entry).get(name)
    return iter(found if isinstance(found, list | tuple) else ())


def _words(entry: Mapping[str, Any], name: str) -> Iterator[str]:
    return (one for one in _items(entry, name) if isinstance(one, str) and one)
