"""A log as FHIR R4 Bundles: its AuditEvents, or the Provenance of what was computed.

Invariant: streamed; of the rows only those of the decision at hand are in memory.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from ledger.domain.audit import Kind
from ledger.domain.computation import ENDS, facts_of, mapping, run_of
from ledger.domain.decision import Outcome, Reason
from ledger.domain.identifiers import to_hex
from ledger.export.sections import encode, write_list
from ledger.export.source import Source
from ledger.fhir.audit import Row, audit_events, needs_rows
from ledger.fhir.provenance import provenance_of
from ledger.fhir.times import instant_of


def export_audit_events(source: Source, out: BinaryIO) -> None:
    """Write the AuditEvents of a log (IHE BALP), one a row where the rows may be shown, as a collection Bundle."""
    _write(source, _events(source), out)


def export_provenance(source: Source, out: BinaryIO) -> None:
    """Write the Provenance of a log's completed computations as a collection Bundle."""
    _write(source, _provenances(source), out)


def _write(source: Source, resources: Iterator[dict[str, Any]], out: BinaryIO) -> None:
    now = source.ports.clock.now()
    opening = {"resourceType": "Bundle", "type": "collection", "timestamp": instant_of(now)}
    log = to_hex(source.log)
    entries = (
        {"fullUrl": f"urn:consentry:log:{log}:{one['resourceType']}:{one['id']}", "resource": one} for one in resources
    )
    first = next(entries, None)
    if first is None:  # an empty list is not FHIR
        out.write(encode(opening) + b"\n")
        return
    write_list(out, encode(opening)[:-1] + b',"entry":[\n', chain([first], entries), b"]}\n")


def _events(source: Source) -> Iterator[dict[str, Any]]:
    names = source.names()
    for _, document in source:
        rows = _rows(source, document["decision"]) if source.with_members and needs_rows(document) else None
        cohort = mapping(facts_of(document).get("cohort")).get("root")
        yield from audit_events(document, names, rows, cohort if isinstance(cohort, str) else "")


def _rows(source: Source, decision: str) -> list[Row]:
    return [
        Row(
            subject=to_hex(member.subject),
            permitted=member.outcome == Outcome.PERMIT,
            reason=Reason(member.reason).code,
            consent=None if member.consent is None else to_hex(member.consent),
        )
        for member in source.ports.audit.members(decision)
        if source.subject in (None, member.subject)
    ]


def _provenances(source: Source) -> Iterator[dict[str, Any]]:
    names = source.names()
    started: dict[str, int] = {}
    for _, document in source:
        if document["kind"] == Kind.STARTED:
            started[run_of(document)] = document["time"]
        elif document["kind"] in ENDS:
            found = provenance_of(document, names, started.pop(run_of(document), None))
            if found is not None:
                yield found
