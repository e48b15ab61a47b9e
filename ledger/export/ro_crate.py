"""A log as a Process Run Crate 0.5: a zip with its entries, and each computation as an action with its instrument.

Invariants: nothing is held whole in memory; entries are the bytes that were hashed. Inputs and outputs are not in the
crate, which has their commitments and hashes alone; so they are contextual entities, not files.

Source: https://w3id.org/ro/wfrun/process/0.5, https://w3id.org/ro/crate/1.1
"""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final

from ledger.domain.audit import Kind
from ledger.domain.computation import (
    ENDS,
    decisions_of,
    facts_of,
    inputs_of,
    mapping,
    outputs_of,
    parents_of,
    run_of,
)
from ledger.domain.identifiers import to_hex
from ledger.export.archive import ArchiveWriter
from ledger.export.parts import date_time, local_name
from ledger.export.sections import Sections, encode
from ledger.export.source import Source

PROFILE: Final = "https://w3id.org/ro/wfrun/process/0.5"
CRATE: Final = "https://w3id.org/ro/crate/1.1"
METADATA: Final = "ro-crate-metadata.json"
ENTRIES: Final = "entries.ndjson"
_LICENCE: Final = "#licence"
_GRAPH, _MENTIONS = "graph", "mentions"


def export_ro_crate(source: Source, out: BinaryIO) -> None:
    """Write the crate of a log, up to its newest checkpoint.

    Args:
        source: The entries.
        out: Where it goes: seekable, empty.
    """
    with Sections(source.folder) as sections, TemporaryFile(dir=source.folder) as entries:
        actions = _Actions(source, sections)
        for entry, document in source:
            entries.write(entry.canonical + b"\n")
            actions.take(document, to_hex(entry.leaf))
        actions.finish()
        size = entries.tell()
        entries.seek(0)
        archive = ArchiveWriter(out)
        archive.add(METADATA, _metadata(source, sections, size))
        archive.add(ENTRIES, iter(lambda: entries.read(1 << 18), b""))
        archive.finish()


class _Actions:
    """Makes actions of computations, as their entries come."""

    def __init__(self, source: Source, sections: Sections) -> None:
        self._log = to_hex(source.log)
        self._names = source.names()
        self._sections = sections
        self._started: dict[str, dict[str, Any]] = {}
        self._said: set[str] = set()
        self._ended = 0

    def take(self, entry: dict[str, Any], leaf: str) -> None:
        if entry["kind"] == Kind.STARTED:
            self._started[run_of(entry)] = entry
        elif entry["kind"] in ENDS:
            self._action(self._started.pop(run_of(entry), None), entry, leaf)

    def finish(self) -> None:
        """Tell of the computations that never ended."""
        for entry in self._started.values():
            self._action(entry, None, "")

    def _action(self, start: dict[str, Any] | None, end: dict[str, Any] | None, leaf: str) -> None:
        told = end or start
        assert told is not None
        # The index keeps apart what an engine may have given one name.
        action = f"#computation/{told['index']}/{local_name(run_of(told))}"
        study, engine = told["study"], told["engine"] or told["actor"]
        objects = [
            self._say(
                f"{action}/input/{number}", "CreativeWork", "permitted rows, as a salted commitment", one.commitment
            )
            for number, one in enumerate(inputs_of(told))
        ]
        objects += [
            self._say(f"urn:consentry:parent:{one}", "CreativeWork", "what was built on", one)
            for one in parents_of(told)
        ]
        results = [
            self._say(f"{action}/output/{local_name(one.name)}", "CreativeWork", one.name or "output", one.sha256)
            for one in outputs_of(told)
        ]
        written = {
            "@id": action,
            "@type": "CreateAction",
            "name": f"{told['operation'] or 'computation'} for {self._names.get(study, study) or 'no study'}",
            "instrument": self._software(engine, facts_of(told)),
            "agent": {"@id": f"urn:consentry:institution:{self._log}"},
            "actionStatus": _status(end),
            "identifier": f"urn:consentry:log:{self._log}:entry:{told['index']}",
            "object": _one_or_many(objects),
            "result": _one_or_many(results),
        }
        if start is not None:
            written["startTime"] = date_time(start["time"])
        if end is not None and (start is None or start["time"] <= end["time"]):
            written["endTime"] = date_time(end["time"])
        if leaf:
            written["description"] = (
                f"entry with the leaf hash {leaf}; decisions: {', '.join(decisions_of(told)) or 'none'}"
            )
        error = facts_of(told).get("error") or facts_of(told).get("reason")
        if end is not None and end["kind"] != Kind.COMPLETED and isinstance(error, str):
            written["error"] = error
        self._sections.add(_GRAPH, encode({name: value for name, value in written.items() if value}))
        self._sections.add(_MENTIONS, encode({"@id": action}))

    def _software(self, engine: str, facts: Any) -> dict[str, str]:
        said = mapping(facts.get("engine"))
        name, version = (str(said.get(field, "")) for field in ("name", "version"))
        software = f"urn:consentry:engine:{local_name(engine)}" + (f":{local_name(version)}" if version else "")
        if software not in self._said:
            self._said.add(software)
            what = {"@id": software, "@type": "SoftwareApplication", "url": software}
            what["name"] = name or self._names.get(engine, engine)
            what["softwareVersion"] = version or "not stated"
            self._sections.add(_GRAPH, encode(what))
        return {"@id": software}

    def _say(self, id: str, type: str, name: str, hash: str) -> dict[str, str]:
        if not id.startswith("#") and id in self._said:
            return {"@id": id}
        if not id.startswith("#"):
            self._said.add(id)
        self._sections.add(_GRAPH, encode({"@id": id, "@type": type, "name": name, "sha256": hash}))
        return {"@id": id}


def _status(end: dict[str, Any] | None) -> str:
    """How an action ended; "" where it did not. One that was withheld gave no result: for a crate it failed."""
    if end is None:
        return ""
    return f"http://schema.org/{'Completed' if end['kind'] == Kind.COMPLETED else 'Failed'}ActionStatus"


def _one_or_many(values: list[dict[str, str]]) -> Any:
    """A list, but of one thing the thing itself, as RO-Crate's flattened JSON-LD has it."""
    return values[0] if len(values) == 1 else values


def _metadata(source: Source, sections: Sections, size: int) -> Iterator[bytes]:
    log = to_hex(source.log)
    institution = f"urn:consentry:institution:{log}"
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Audit log of {source.institution}",
        "description": "Who asked to use patients' data, what the answer was, and what was computed. Pseudonymous.",
        "datePublished": date_time(source.ports.clock.now()),
        "license": {"@id": _LICENCE},
        "author": {"@id": institution},
        "publisher": {"@id": institution},
        "conformsTo": {"@id": PROFILE},
        "hasPart": {"@id": ENTRIES},
    }
    yield b'{"@context":["%b/context",{"sha256":"https://w3id.org/ro/terms/workflow-run#sha256"}],\n' % CRATE.encode()
    yield b'"@graph":[\n' + encode(root)[:-1] + b',"mentions":['
    yield from sections.read(_MENTIONS)
    yield b"]}"
    for thing in (
        {"@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": {"@id": CRATE}},
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {"@id": institution, "@type": "Organization", "name": source.institution, "url": institution},
        {
            "@id": _LICENCE,
            "@type": "CreativeWork",
            "name": "Not licensed for further use",
            "description": f"For audit. Further use is agreed with {source.institution}.",
        },
        {
            "@id": ENTRIES,
            "@type": "File",
            "name": "The entries of the log, one a line, as they were hashed",
            "encodingFormat": "application/x-ndjson",
            "contentSize": str(size),
        },
    ):
        yield b",\n" + encode(thing)
    if _GRAPH in sections.names:
        yield b",\n"
        yield from sections.read(_GRAPH)
    yield b"]}\n"
