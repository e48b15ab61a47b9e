"""Checking the stored logs against themselves, their checkpoints and the chain.

Every way to change the SQL copy that the design names has its finding: a changed row, a missing row, moved rows, a cut
tail, rows and tree rewritten together. Nothing is repaired.

Invariant: what is compared is recomputed from the rows' own bytes; stored hashes only help to name the place.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from itertools import chain, islice, zip_longest
from typing import Any

from ledger.domain.audit import Kind, Member, StoredEntry, openings_in
from ledger.domain.computation import facts_of
from ledger.domain.decision import Outcome
from ledger.domain.identifiers import to_hex
from ledger.domain.projection import Head
from ledger.errors import ConsentryError, InvalidInput
from ledger.services.export import Ports
from ledger.transparency import canonical
from ledger.transparency.checkpoint import verify_checkpoint
from ledger.transparency.cohort import Cohort
from ledger.transparency.edge import Edge, Run
from ledger.transparency.hashing import HASH_SIZE, leaf_hash
from ledger.transparency.tiles import HEIGHT, WIDTH
from ledger.transparency.tree import root_of

MOST_FINDINGS = 100
"""Findings kept of one log; a rewritten log has as many as it has rows."""
_PAGE = 512


class Fault(StrEnum):
    """What can be wrong with a stored log."""

    CHANGED = "changed row"
    MISSING = "missing row"
    MOVED = "moved row"
    CUT = "cut tail"
    REWRITTEN = "rewritten tree"
    NODE = "changed tree node"
    CHECKPOINT = "bad checkpoint"
    ACCESS = "access differs from the chain"
    DECISION = "decision record differs from its entry"
    ERASURE = "row erased without an entry that says so"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. ``index`` is the first entry concerned, where one can be named."""

    fault: Fault
    index: int | None
    detail: str


@dataclass(slots=True)
class Health:
    """What was found of one log."""

    log: bytes
    entries: int = 0
    anchored: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def note(self, fault: Fault, index: int | None, detail: str) -> None:
        """Keep a finding, up to ``MOST_FINDINGS``."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(fault, index, detail))


def check_logs(ports: Ports, *, on_progress: Callable[[bytes, int], None] | None = None) -> list[Health]:
    """Check every log that the store or the chain knows.

    Args:
        ports: The services' context.
        on_progress: Told the log and the number of entries read, now and then.
    """
    anchored = {fact.log for fact in ports.mirror.current("Head") if isinstance(fact, Head)}
    logs = sorted(anchored | set(ports.audit.logs()))
    return [check_log(ports, log, on_progress=on_progress) for log in logs]


def check_log(ports: Ports, log: bytes, *, on_progress: Callable[[bytes, int], None] | None = None) -> Health:
    """Check one log, row by row, against its tree, its checkpoints, its decisions and the chain.

    Args:
        ports: The services' context.
        log: The log's id.
        on_progress: Told the log and the number of entries read, now and then.
    """
    return _Inspection(ports, log, Health(log)).run(on_progress)


@dataclass(slots=True)
class _Inspection:
    ports: Ports
    log: bytes
    health: Health
    roots: dict[int, bytes] = field(default_factory=dict)
    accesses: dict[int, tuple[bytes, str, str]] = field(default_factory=dict)
    erased: Counter[int] = field(default_factory=Counter)
    """Rows that are erased, less those that an erasure's entry tells of, by index of the decision."""
    dense: bool = True
    pending: dict[int, list[bytes]] = field(default_factory=dict)
    """Recomputed hashes of the tile of each tier that is not full yet."""

    def run(self, on_progress: Callable[[bytes, int], None] | None) -> Health:
        heads = [head for head, _ in self.ports.mirror.heads_of(self.log)]
        newest = self.ports.audit.checkpoint(self.log)
        wanted = {head.size for head in heads} | ({newest.size} if newest else set())
        self.accesses = {
            access.index: (access.leaf, to_hex(access.study), to_hex(access.engine))
            for access, _ in self.ports.mirror.accesses_of(self.log)
        }
        edge = Edge()
        self.roots[0] = edge.root()
        for page in _pages(self._dense(self.ports.audit.size(self.log))):
            leaves = [self._leaf(edge.size + place, row) for place, row in enumerate(page)]
            edge = self._grow(edge, leaves, wanted)
            if on_progress is not None:
                on_progress(self.log, edge.size)
        self.health.entries = edge.size
        self.health.anchored = max((head.size for head in heads), default=0)
        if self.dense:
            self._against_chain(heads, edge.size)
            self._against_checkpoint(edge.size)
        for index, count in sorted((+self.erased).items()):
            self.health.note(Fault.ERASURE, index, f"entry {index}: {count} rows are gone, and no erasure names it")
        return self.health

    def _dense(self, size: int) -> Iterator[StoredEntry]:
        """The rows, every missing one noted; behind a gap the tree has no meaning and is not compared any more."""
        expected = 0
        for row in self.ports.audit.entries(self.log, 0, size):
            self._missing(expected, row.index)
            expected = row.index + 1
            yield row
        self._missing(expected, size)

    def _missing(self, first: int, end: int) -> None:
        if first < end:
            self.dense = False
            gap = f"entry {first} is" if first + 1 == end else f"entries {first} to {end - 1} are"
            self.health.note(Fault.MISSING, first, f"{gap} not there, though later ones are")

    def _leaf(self, place: int, row: StoredEntry) -> bytes:
        """The recomputed leaf of the row read at a place; faults of the row itself are noted."""
        leaf = leaf_hash(row.canonical)
        if leaf != row.leaf:
            self.health.note(Fault.CHANGED, row.index, f"entry {row.index}: its bytes do not have its leaf hash")
        told = self.accesses.pop(row.index, None)
        try:
            document = canonical.decode_object(row.canonical)
        except InvalidInput as problem:
            self.health.note(Fault.CHANGED, row.index, f"entry {row.index}: {problem}")
            return leaf
        if (document.get("index"), document.get("log")) != (row.index, to_hex(self.log)):
            said = f"entry {document.get('index')} of log {document.get('log')}"
            self.health.note(Fault.MOVED, row.index, f"row {row.index} holds {said} (read at place {place})")
        if told is not None and told != (leaf, document.get("study"), document.get("engine")):
            self.health.note(Fault.ACCESS, row.index, f"entry {row.index}: the chain recorded another access for it")
        if document.get("kind") == Kind.DECISION:
            self._decision(row.index, document)
        elif document.get("kind") == Kind.ERASURE:
            self.erased.subtract(openings_in(document))
        return leaf

    def _grow(self, edge: Edge, leaves: Sequence[bytes], wanted: set[int]) -> Edge:
        """Extend the recomputed tree, stopping at each size that is asked for, and hold it against the stored nodes."""
        last = edge.size + len(leaves)
        stops = sorted(size for size in wanted if edge.size < size < last)
        for stop in [*stops, last]:
            taken, leaves = leaves[: stop - edge.size], leaves[stop - edge.size :]
            edge, runs = edge.extend(taken)
            self._tiles(runs)
            if stop in wanted:
                self.roots[stop] = edge.root()
        return edge

    def _tiles(self, runs: Sequence[Run]) -> None:
        """Hold the stored tiles against the recomputed nodes, each tier as its tiles become full."""
        for run in runs:
            tier, height = divmod(run.level, HEIGHT)
            if height or not self.dense:
                continue
            pending = self.pending.setdefault(tier, [])
            pending += run.hashes
            full = len(pending) // WIDTH
            first = (run.first + len(run.hashes)) // WIDTH - full
            for place in range(full):
                self._tile(tier, first + place, pending[place * WIDTH : (place + 1) * WIDTH])
            del pending[: full * WIDTH]

    def _tile(self, tier: int, index: int, hashes: Sequence[bytes]) -> None:
        stored = self.ports.audit.tile(self.log, tier, index)
        first = index * WIDTH << (tier * HEIGHT)
        if stored is None:
            self.health.note(Fault.NODE, first, f"tile {tier}/{index} of the tree is not there")
            return
        if stored == (root_of(hashes), b"".join(hashes)):
            return
        kept = [stored[1][at : at + HASH_SIZE] for at in range(0, len(stored[1]), HASH_SIZE)]
        wrong = [place for place, pair in enumerate(zip_longest(hashes, kept)) if pair[0] != pair[1]]
        if wrong:
            first = (index * WIDTH + wrong[0]) << (tier * HEIGHT)
        self.health.note(
            Fault.NODE,
            first,
            f"tile {tier}/{index} of the tree is not of its entries from {first} on: "
            "one of them was changed with its leaf, or the tile was",
        )

    def _against_chain(self, heads: Sequence[Head], size: int) -> None:
        below = 0
        for head in heads:
            if head.size > size:
                self.health.note(Fault.CUT, size, f"the chain holds {head.size} entries, the store only {size}")
                return
            if self.roots.get(head.size) != head.root:
                self.health.note(
                    Fault.REWRITTEN,
                    below,
                    f"the root of entries 0 to {head.size - 1} is not the anchored one; "
                    f"the first bad entry is between {below} and {head.size - 1}",
                )
                return
            below = head.size
        for index in sorted(self.accesses):
            self.health.note(Fault.ACCESS, index, f"entry {index}: the chain recorded an access for it; it is not here")

    def _against_checkpoint(self, size: int) -> None:
        newest = self.ports.audit.checkpoint(self.log)
        if newest is None:
            if size:
                self.health.note(Fault.CHECKPOINT, None, f"{size} entries, but no checkpoint was kept")
            return
        try:
            said = verify_checkpoint(newest.note, self.ports.log_keys.note_keys(self.log), self.log)
        except ConsentryError as problem:
            self.health.note(Fault.CHECKPOINT, None, f"checkpoint of {newest.size} entries: {problem}")
            return
        if (said.size, said.root) != (newest.size, newest.root):
            self.health.note(Fault.CHECKPOINT, None, f"checkpoint of {newest.size} entries: its note says another head")
        if said.size > size:
            self.health.note(Fault.CUT, size, f"{said.size} entries were signed for, the store holds only {size}")
        elif said.size < size:
            self.health.note(Fault.CHECKPOINT, said.size, f"entries {said.size} to {size - 1} are under no checkpoint")
        elif self.roots.get(said.size) != said.root:
            self.health.note(
                Fault.REWRITTEN, None, f"the root of all {size} entries is not the one that was signed for"
            )

    def _decision(self, index: int, entry: dict[str, Any]) -> None:
        name, facts = entry.get("decision"), facts_of(entry)
        record = self.ports.audit.decision(name) if isinstance(name, str) else None
        if record is None or (record.log, record.index) != (self.log, index):
            self.health.note(Fault.DECISION, index, f"entry {index}: decision {name} is not kept with it")
            return
        kept = {
            "request": to_hex(sha256(record.request).digest()),
            "receipt": to_hex(sha256(record.receipt.encode()).digest()),
            "at": record.at,
            "considered": record.considered,
            "permitted": record.permitted,
        }
        for fact, value in kept.items():
            if facts.get(fact) != value:
                self.health.note(
                    Fault.DECISION, index, f"entry {index}: the kept {fact} is not the one that was logged"
                )
        erased = self.ports.audit.erased(record.id)
        self.erased[index] += len(erased)
        if not _opens(self.ports.audit.members(record.id), erased, facts.get("cohort")):
            self.health.note(Fault.DECISION, index, f"entry {index}: the kept rows do not make its commitment")


def _opens(members: Sequence[Member], erased: Mapping[int, bytes], commitment: Any) -> bool:
    permitted = [member.outcome == Outcome.PERMIT for member in members]
    try:
        cohort = Cohort([member.subject for member in members], permitted, b"".join(m.salt for m in members), erased)
    except InvalidInput:
        return False
    return bool(commitment == {"size": cohort.commitment.size, "root": to_hex(cohort.commitment.root)})


def _pages(rows: Iterable[StoredEntry]) -> Iterator[list[StoredEntry]]:
    reader = iter(rows)
    for first in reader:
        yield list(chain([first], islice(reader, _PAGE - 1)))
