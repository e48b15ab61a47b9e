"""Reading the logs: the entries that somebody selects, a page at a time.

Invariants: entries come by log and index, each once, whatever is appended meanwhile; a page reads a bounded number of
entries, so that a rare selection costs many short pages and not one long one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ledger.domain.audit import DecisionRecord, Member, StoredEntry
from ledger.domain.selection import Selection
from ledger.ports import AuditStore
from ledger.transparency.canonical import decode_object

Place: TypeAlias = tuple[bytes, int]
"""A log's id, and an index in it."""
START: Final[Place] = (b"", 0)
MOST_READ: Final = 20_000
"""Entries that are read for one page."""
_AT_ONCE: Final = 10_000
"""Decisions on one subject that are read at a time."""


@dataclass(frozen=True, slots=True)
class Page:
    """Selected entries with their documents, and where the next page starts; None after the last."""

    entries: tuple[tuple[StoredEntry, dict[str, Any]], ...]
    next: Place | None


def decisions_about(audit: AuditStore, subject: bytes) -> frozenset[str]:
    """The ids of the decisions that considered a subject, without those whose rows were erased."""
    return frozenset(record.id for record, _ in all_decisions_on(audit, subject))


def all_decisions_on(
    audit: AuditStore, subject: bytes, *, at_once: int = _AT_ONCE
) -> Iterator[tuple[DecisionRecord, Member]]:
    """Every decision that considered a subject, newest first, however many they are."""
    before = ""
    while found := audit.decisions_on(subject, before=before, limit=at_once):
        yield from found
        before = found[-1][0].id


def page_of(
    audit: AuditStore, logs: Sequence[bytes], selection: Selection, start: Place = START, *, limit: int = 100
) -> Page:
    """Selected entries from a place on.

    Args:
        audit: The logs.
        logs: The ids of those that the reader may read.
        selection: Which entries.
        start: Where the page before said that this one starts.
        limit: Most entries in the page, at least 1.
    """
    found: list[tuple[StoredEntry, dict[str, Any]]] = []
    for read, entry in enumerate(_candidates(audit, sorted(logs), selection, start)):
        if read >= MOST_READ or len(found) == limit:
            return Page(tuple(found), (entry.log, entry.index))
        document = decode_object(entry.canonical)
        if selection.takes(document):
            found.append((entry, document))
    return Page(tuple(found), None)


def _candidates(audit: AuditStore, logs: Sequence[bytes], selection: Selection, start: Place) -> Iterator[StoredEntry]:
    """The entries of the logs from a place on; of some decisions, only those that name one."""
    if selection.decisions is not None:
        named = {
            (entry.log, entry.index): entry
            for decision in selection.decisions
            for entry in audit.entries_of_decision(decision)
        }
        yield from (named[place] for place in sorted(named) if place >= start and place[0] in logs)
        return
    for log in logs:
        if log >= start[0]:
            yield from audit.entries(log, start[1] if log == start[0] else 0, audit.size(log))
