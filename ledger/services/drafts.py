"""The canonical bytes of entries before the log has given them an index and a time.

Encoding is most of the work of an append, and the same wherever the entries come to stand: the sequencer only puts two
numbers into each. Names of an object stand in order, so that what comes before ``facts`` and what comes behind
``index`` are pieces of their own. The entries of an append mostly share both, and their facts are encoded at once.

Invariant: entry i of ``drafts_of(entries, log).at(first, time)`` is
``canonical.encode(entries[i].document(log, first + i, time))``.

Source: https://www.rfc-editor.org/rfc/rfc8785
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ledger.domain.audit import SCHEMA, Kind, NewEntry
from ledger.domain.identifiers import parse_id, to_hex
from ledger.errors import InvalidInput
from ledger.transparency import canonical

MOST_ENTRY_BYTES = 64 * 1024
_NUMBERS = len(',"index":0,,"time":0}')
_KEPT = 512
"""Frames kept, some 600 bytes each: what the entries of a few engines share."""
_NO_BLOCK = (None, None)


class Frame(NamedTuple):
    """What stands around the facts of an entry, its index and its time.

    Attributes:
        head: What comes before the facts.
        tail: What stands between the index and the time.
        decision: The decision that it names, 32 bytes, for look-ups; None where it names none.
    """

    head: bytes
    tail: bytes
    decision: bytes | None


@dataclass(frozen=True, slots=True)
class Drafts:
    """Entries that are to stand next to each other.

    Attributes:
        frames: One an entry.
        facts: The canonical bytes of each entry's facts.
    """

    frames: Sequence[Frame] = ()
    facts: Sequence[bytes] = ()

    def at(self, first: int, time: int) -> list[bytes]:
        """The canonical bytes of the entries, from index ``first`` of their log on; ``time`` in seconds UTC."""
        return [
            b'%b%b,"index":%d,%b,"time":%d}' % (head, facts, index, tail, time)
            for index, ((head, tail, _), facts) in enumerate(zip(self.frames, self.facts, strict=True), first)
        ]

    def decisions(self) -> list[bytes | None]:
        """The decision that each entry names."""
        return [decision for _, _, decision in self.frames]


def drafts_of(entries: Sequence[NewEntry], log: bytes) -> Drafts:
    """Encode entries of a log (32 bytes).

    Raises:
        InvalidInput: One has no canonical form, or is larger than ``MOST_ENTRY_BYTES``.
    """
    frames = [
        _frame(log, one.kind, one.actor, one.study, one.engine, one.operation, one.decision, *(one.block or _NO_BLOCK))
        for one in entries
    ]
    facts = canonical.encode_each(
        [one.facts if type(one.facts) is dict else dict(one.facts or {}) for one in entries], "facts"
    )
    room = MOST_ENTRY_BYTES - _NUMBERS
    if any(len(head) + len(data) + len(tail) > room for (head, tail, _), data in zip(frames, facts, strict=True)):
        raise InvalidInput(f"an entry is larger than {MOST_ENTRY_BYTES} bytes; refer to large things by hash")
    return Drafts(frames, facts)


# Typed: True and 1 are one key otherwise, and a string of another class is refused, not taken for the string it equals.
@lru_cache(_KEPT, typed=True)
def _frame(
    log: bytes,
    kind: Kind,
    actor: str,
    study: str,
    engine: str,
    operation: str,
    decision: str,
    number: int | None,
    digest: str | None,
) -> Frame:
    block = None if number is None else {"number": number, "hash": digest}
    head = (
        canonical.encode({"actor": actor, "block": block, "decision": decision, "engine": engine})[:-1] + b',"facts":'
    )
    tail = _tail(kind, log, operation, study)
    try:
        return Frame(head, tail, parse_id(decision) if decision else None)
    except InvalidInput:
        return Frame(head, tail, None)


@lru_cache(_KEPT, typed=True)
def _tail(kind: Kind, log: bytes, operation: str, study: str) -> bytes:
    document = {"kind": kind.value, "log": to_hex(log), "operation": operation, "schema": SCHEMA, "study": study}
    return canonical.encode(document)[1:-1]
