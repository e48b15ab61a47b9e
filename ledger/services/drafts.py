"""An entry's canonical bytes before the log has given it an index and a time.

Encoding is most of the work of an append, and the same wherever the entry comes to stand: it is done before the log is
held, and the sequencer only puts two numbers in. Names of an object stand in order, so that what comes
before ``facts`` and what comes behind ``index`` are pieces of their own; many entries in a row share both.

Invariant: ``draft_of(entry, log).at(index, time)`` is ``canonical.encode(entry.document(log, index, time))``.

Source: https://www.rfc-editor.org/rfc/rfc8785
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ledger.domain.audit import SCHEMA, Kind, NewEntry
from ledger.domain.identifiers import parse_id, to_hex
from ledger.errors import InvalidInput
from ledger.transparency import canonical

MOST_ENTRY_BYTES = 64 * 1024
_NUMBERS = len(',"index":0,,"time":0}')
_KEPT = 512
"""Pieces kept of each sort, some 300 bytes each: what the entries of a few engines share."""


class Draft(NamedTuple):
    """The canonical bytes of an entry, but for its index and its time.

    Attributes:
        head: What comes before the index.
        tail: What stands between the index and the time.
        decision: The decision that it names, 32 bytes, for look-ups; None where it names none.
    """

    head: bytes
    tail: bytes
    decision: bytes | None

    def at(self, index: int, time: int) -> bytes:
        """The canonical bytes of the entry at an index of its log; ``time`` in seconds UTC."""
        return place([self], index, time)[0]


def place(drafts: Sequence[Draft], first: int, time: int) -> list[bytes]:
    """As ``Draft.at``, of entries next to each other from index ``first`` on."""
    return [
        b'%b,"index":%d,%b,"time":%d}' % (head, index, tail, time)
        for index, (head, tail, _) in enumerate(drafts, first)
    ]


def draft_of(entry: NewEntry, log: bytes) -> Draft:
    """Encode an entry of a log (32 bytes).

    Raises:
        InvalidInput: It has no canonical form, or is larger than ``MOST_ENTRY_BYTES``.
    """
    number, digest = entry.block or (None, None)
    before, behind = _lead(entry.actor, number, digest, entry.engine)
    named, decision = _named(entry.decision)
    facts = canonical.encode({"facts": dict(entry.facts or {})})
    head = b"%b,%b,%b,%b" % (before, named, behind, facts[1:-1])
    tail = _tail(entry.kind, log, entry.operation, entry.study)
    if len(head) + len(tail) + _NUMBERS > MOST_ENTRY_BYTES:
        raise InvalidInput(f"an entry is larger than {MOST_ENTRY_BYTES} bytes; refer to large things by hash")
    return Draft(head, tail, decision)


# Typed: True and 1 are one key otherwise, and a string of another class is refused, not taken for the string it equals.
@lru_cache(_KEPT, typed=True)
def _lead(actor: str, number: int | None, digest: str | None, engine: str) -> tuple[bytes, bytes]:
    """What stands before the decision, and what between it and the facts."""
    block = None if number is None else {"number": number, "hash": digest}
    before, behind = canonical.encode({"actor": actor, "block": block}), canonical.encode({"engine": engine})
    return before[:-1], behind[1:-1]


@lru_cache(_KEPT, typed=True)
def _tail(kind: Kind, log: bytes, operation: str, study: str) -> bytes:
    document = {"kind": kind.value, "log": to_hex(log), "operation": operation, "schema": SCHEMA, "study": study}
    return canonical.encode(document)[1:-1]


@lru_cache(_KEPT, typed=True)
def _named(decision: str) -> tuple[bytes, bytes | None]:
    data = canonical.encode({"decision": decision})[1:-1]
    try:
        return data, parse_id(decision) if decision else None
    except InvalidInput:
        return data, None
