"""Lineage over all logs, and what is left of withdrawn data in what was computed.

Invariants: the graph is kept between questions and brought up to the logs' ends at each; a consent counts as withdrawn
from the moment the outbox has its withdrawal, as for decisions. Of an erased subject nothing is found: the rows that
tied the subject to decisions are gone, which is what erasure is for.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ledger.domain.audit import StoredEntry
from ledger.domain.consent import ConsentState
from ledger.domain.decision import Outcome
from ledger.domain.identifiers import to_hex
from ledger.errors import NotFound
from ledger.ports import AuditStore
from ledger.provenance.lineage import STEPS, Lineage, Tainted
from ledger.services.context import Context
from ledger.services.entries import all_decisions_on
from ledger.services.pending import ended_by
from ledger.transparency.canonical import decode_object

_SIGNS: Final = tuple(f'"kind":"{kind.value}"'.encode() for kind in STEPS)


@dataclass(frozen=True, slots=True)
class Taint:
    """What withdrawals of a subject reach.

    Attributes:
        subject: Whose.
        withdrawn: The ids of the consents that are withdrawn, 32 bytes each.
        decisions: The decisions that counted the subject by one of them.
        steps: What was computed from those, and from that in turn, in the order of time.
    """

    subject: bytes
    withdrawn: tuple[bytes, ...]
    decisions: tuple[str, ...]
    steps: tuple[Tainted, ...]


class LineageKeeper:
    """The lineage of all logs, brought up to date at each question. Thread-safe."""

    def __init__(self, audit: AuditStore) -> None:
        self._audit: Final = audit
        self._lock: Final = threading.Lock()
        self._lineage: Final = Lineage()
        self._read: Final[dict[bytes, int]] = {}

    def now(self) -> Lineage:
        """The lineage up to the logs' present ends; only to be read."""
        with self._lock:
            for log in self._audit.logs():
                size = self._audit.size(log)
                for entry in self._audit.entries(log, self._read.get(log, 0), size):
                    self._take(entry)
                self._read[log] = size
            return self._lineage

    def _take(self, entry: StoredEntry) -> None:
        if any(sign in entry.canonical for sign in _SIGNS):  # most entries need not be read
            self._lineage.take(decode_object(entry.canonical), to_hex(entry.leaf))


def taint_of(context: Context, lineage: Lineage, subject: bytes, consent: bytes | None = None) -> Taint:
    """What was computed from data of a subject whose consent has been withdrawn since.

    Args:
        context: The ports.
        lineage: The lineage of all logs.
        subject: Whose data.
        consent: One consent alone; None: all of the subject's.

    Raises:
        NotFound: The subject is not enrolled, or has no such consent.
    """
    held = context.mirror.consents(subject)
    if not held or (consent is not None and consent not in {one.id for one in held}):
        raise NotFound(f"subject {to_hex(subject)} is not enrolled, or has no such consent")
    ended = {one.id for one in held if one.state is ConsentState.WITHDRAWN}
    ended |= set(_waiting(context, subject, [one.id for one in held]))
    withdrawn = ended if consent is None else ended & {consent}
    rested = [
        record.id
        for record, member in all_decisions_on(context.audit, subject)
        if member.outcome == Outcome.PERMIT and member.consent in withdrawn
    ]
    decisions = tuple(reversed(rested))
    return Taint(subject, tuple(sorted(withdrawn)), decisions, tuple(lineage.tainted(decisions)))


def subject_of(context: Context, consent: bytes) -> bytes:
    """Whose a consent is. It looks through the keys of all facts, so it is for people, not for a hot path.

    Raises:
        NotFound: There is no such consent.
    """
    keys = context.mirror.keys()
    for kind, subject, second in keys:
        if kind == "Consent" and second == consent:
            return subject
    raise NotFound(f"there is no consent {to_hex(consent)}")


def _waiting(context: Context, subject: bytes, consents: list[bytes]) -> Iterator[bytes]:
    """The consents whose withdrawal was accepted and is not on the chain yet."""
    cursor = context.mirror.cursor()
    return ended_by(context.pending.at(cursor.block).get(subject, ()) if cursor else (), consents)
