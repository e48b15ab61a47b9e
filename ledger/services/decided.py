"""The decisions in a log, found once and looked up again, with 40 bytes kept of each."""

from array import array
from collections.abc import Callable, Iterator
from typing import Final

from ledger.domain.audit import DecisionRecord, Kind
from ledger.domain.identifiers import parse_id, to_hex
from ledger.errors import MirrorDiverged
from ledger.ports import AuditStore
from ledger.provenance.history import Interest
from ledger.transparency import canonical

_ID_BYTES: Final = 32
_DECISION: Final = b'"kind":"decision"'  # as it stands in the canonical bytes of every decision's entry


class Decided:
    """The decisions among the first entries of a log, in the order of their entries.

    Args:
        audit: The logs.
        log: The log's id.
        size: How many entries are looked at.
        with_members: Whether the considered subjects belong to what the decisions are about.
        tell: Is told the index of each entry that was looked at.

    Attributes:
        interest: What the decisions are about.
        first_block: The lowest block that one of them was decided at; None where there is none.

    Raises:
        MirrorDiverged: An entry tells of a decision that the store does not hold.
    """

    def __init__(
        self, audit: AuditStore, log: bytes, size: int, *, with_members: bool, tell: Callable[[int], None]
    ) -> None:
        self._audit: Final = audit
        self._log: Final = log
        self._indexes: Final = array("Q")
        self._ids: Final = bytearray()
        self.first_block: int | None = None
        studies, engines, subjects, datasets = set[bytes](), set[bytes](), set[bytes](), set[bytes]()
        for entry in audit.entries(log, 0, size):
            tell(entry.index)
            document = canonical.decode_object(entry.canonical) if _DECISION in entry.canonical else {}
            if document.get("kind") != Kind.DECISION:
                continue
            record = self._record(entry.index, str(document["decision"]))
            self._indexes.append(entry.index)
            self._ids.extend(parse_id(record.id))
            if self.first_block is None or record.block_number < self.first_block:
                self.first_block = record.block_number
            request = canonical.decode_object(record.request)
            studies.add(parse_id(str(request["study"])))
            engines.add(parse_id(str(request["engine"])))
            if "dataset" in request:
                datasets.add(parse_id(str(request["dataset"])))
            if with_members:
                subjects |= {member.subject for member in audit.members(record.id)}
        self.interest: Final = Interest(log, *map(frozenset, (studies, engines, subjects, datasets)))

    def __len__(self) -> int:
        return len(self._indexes)

    def __iter__(self) -> Iterator[DecisionRecord]:
        for place, index in enumerate(self._indexes):
            yield self._record(index, to_hex(bytes(self._ids[_ID_BYTES * place : _ID_BYTES * (place + 1)])))

    def _record(self, index: int, decision: str) -> DecisionRecord:
        record = self._audit.decision(decision)
        if record is None or (record.log, record.index) != (self._log, index):
            raise MirrorDiverged(f"entry {index} tells of a decision that is not stored with it; run audit fsck")
        return record
