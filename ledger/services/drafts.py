"""An entry's canonical bytes before the log has given it an index and a time.

Encoding is most of the work of an append, and the same wherever the entry comes to stand: it is done once, in the
caller's thread, and the sequencer only puts two numbers in.

Invariant: ``draft_of(entry, log).at(index, time)`` is ``canonical.encode(entry.document(log, index, time))``.

Source: https://www.rfc-editor.org/rfc/rfc8785
"""

from dataclasses import dataclass

from ledger.domain.audit import NewEntry
from ledger.domain.identifiers import parse_id
from ledger.errors import InvalidInput
from ledger.transparency import canonical

MOST_ENTRY_BYTES = 64 * 1024
_INDEX = b',"index":0,'
_TIME = b',"time":0'


@dataclass(frozen=True, slots=True)
class Draft:
    """The canonical bytes of an entry, cut where its index and its time go.

    Attributes:
        head: Up to the index.
        middle: From the index to the time.
        tail: From the time on.
        decision: The decision that it names, 32 bytes, for look-ups; None where it names none.
    """

    head: bytes
    middle: bytes
    tail: bytes
    decision: bytes | None

    def at(self, index: int, time: int) -> bytes:
        """The canonical bytes of the entry at an index of its log; ``time`` in seconds UTC."""
        return b"%b%d%b%d%b" % (self.head, index, self.middle, time, self.tail)


def draft_of(entry: NewEntry, log: bytes) -> Draft:
    """Encode an entry of a log (32 bytes).

    Raises:
        InvalidInput: It has no canonical form, or is larger than ``MOST_ENTRY_BYTES``.
    """
    data = canonical.encode(entry.document(log=log, index=0, time=0))
    if len(data) > MOST_ENTRY_BYTES:
        raise InvalidInput(f"an entry is larger than {MOST_ENTRY_BYTES} bytes; refer to large things by hash")
    # The last of each is the entry's own: keys stand in order, so only strings follow "facts", which could hold such
    # a member of an inner object; and within a string every quotation mark has a backslash before it.
    index = data.rindex(_INDEX) + len(_INDEX) - 2
    time = data.rindex(_TIME) + len(_TIME) - 1
    return Draft(data[:index], data[index + 1 : time], data[time + 1 :], _named(entry.decision))


def _named(decision: str) -> bytes | None:
    try:
        return parse_id(decision) if decision else None
    except InvalidInput:
        return None
