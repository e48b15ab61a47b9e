"""What a bundle shows of the log: its entries against the anchored heads, checkpoints, proofs and access events.

Invariant: every root is recomputed from the entries' own bytes; what the bundle states of a leaf or a root is only
used to name where it goes wrong.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ledger.domain import events as ev
from ledger.domain.accesses import unpack_entries
from ledger.domain.audit import ACCESSES, SCHEMA, Kind, openings_in
from ledger.domain.identifiers import to_hex
from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.provenance import bundle as form
from ledger.transparency.checkpoint import Checkpoint, read_checkpoint, verify_checkpoint
from ledger.transparency.cosignature import Quorum, cosigned
from ledger.transparency.edge import Edge
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.proofs import verify_consistency
from ledger.verify.bundle import Bundle, Entry
from ledger.verify.events import Placed

_KINDS = frozenset(Kind)


@dataclass(slots=True)
class Recomputed:
    """The log as its entries make it.

    Attributes:
        size: Number of entries.
        roots: The root at each size that something in the bundle speaks of.
        leaves: Leaf hashes of the entries that tell of an access.
        places: Study and engine (0x-hex) of those.
        decisions: The entries of decisions, by index.
        erasures: How many erasures tell that a row beside a decision was destroyed, by the decision's index.
        early: The first entry that names a decision which does not stand before it, and that decision.
        newer: The first index at which an entry is of a later schema than this checker knows.
        misfit: The first index at which the stated leaf is not the entry's; None where there is none.
        decided: The decisions that stand in the log so far.
    """

    size: int = 0
    roots: dict[int, bytes] = field(default_factory=dict)
    leaves: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    decisions: dict[int, dict[str, Any]] = field(default_factory=dict)
    erasures: Counter[int] = field(default_factory=Counter)
    early: tuple[int, str] | None = None
    newer: int | None = None
    misfit: int | None = None
    decided: set[str] = field(default_factory=set)

    def take(self, entry: Entry, leaf: bytes) -> None:
        """Take in what an entry says, its bytes aside.

        Raises:
            ProofInvalid: It is of no schema of ours, or of an unknown kind.
        """
        document = entry.document
        kind, decision = document.get("kind"), document.get("decision")
        if _is_later(document.get("schema")):
            self.newer = entry.index if self.newer is None else self.newer
            return
        if document.get("schema") != SCHEMA or kind not in _KINDS:
            raise ProofInvalid(f"{form.ENTRIES}, entry {entry.index}: not of schema {SCHEMA}, or of an unknown kind")
        if kind == Kind.DECISION:
            self.decisions[entry.index] = document
            self.decided.add(str(decision))
        elif isinstance(decision, str) and decision and decision not in self.decided and self.early is None:
            self.early = (entry.index, decision)
        if kind in ACCESSES:
            self.leaves[entry.index] = leaf
            self.places[entry.index] = (document.get("study"), document.get("engine"))
        elif kind == Kind.ERASURE:
            self.erasures.update(openings_in(document))

    def must_be_known(self) -> None:
        """Go on only where every entry can be read.

        Raises:
            CannotCheck: One is of a later schema; its bytes count for the tree all the same.
        """
        if self.newer is not None:
            raise CannotCheck(f"entry {self.newer} is of a later schema than {SCHEMA}; use a newer checker")


def recompute(bundle: Bundle) -> Recomputed:
    """Read all entries and recompute the tree.

    Raises:
        ProofInvalid: An entry is not one of this log at its index; the message names it.
    """
    sizes = {bundle.manifest.entries}
    sizes |= {line.size for _, line in bundle.lines(form.ANCHORS, form.AnchorLine)}
    sizes |= {read_checkpoint(line.note).size for _, line in bundle.lines(form.CHECKPOINTS, form.CheckpointLine)}
    found = Recomputed()
    edge = Edge()
    found.roots[0] = edge.root()
    for entry in bundle.entries():
        leaf = leaf_hash(entry.canonical)
        if leaf != entry.stated and found.misfit is None:
            found.misfit = entry.index
        found.take(entry, leaf)
        edge, _ = edge.append(leaf)
        if edge.size in sizes:
            found.roots[edge.size] = edge.root()
    found.size = edge.size
    if found.size != bundle.manifest.entries:
        raise ProofInvalid(f"{form.ENTRIES}: {found.size} entries, the manifest says {bundle.manifest.entries}")
    return found


def check_anchors(bundle: Bundle, events: Sequence[Placed]) -> list[ev.HeadAnchored]:
    """The anchored heads of the log, once the listing says exactly what the receipts prove and each extends the last.

    Raises:
        ProofInvalid: One is missing, added or changed.
    """
    proved = [
        (placed.block, placed.event)
        for placed in events
        if isinstance(placed.event, ev.HeadAnchored) and placed.event.log == bundle.log
    ]
    listed = [line for _, line in bundle.lines(form.ANCHORS, form.AnchorLine)]
    before = (0, bytes(32))
    for number, (block, head) in enumerate(proved, start=1):
        if head.previous_size != before[0] or (head.previous_size and head.previous_root != before[1]):
            raise ProofInvalid(
                f"{form.ANCHORS}: the head of {head.size} entries follows one of {head.previous_size}, "
                "which is not shown"
            )
        before = (head.size, head.root)
        line = listed[number - 1] if number <= len(listed) else None
        if line is None or (line.size, line.root, line.block) != (head.size, to_hex(head.root), block):
            raise ProofInvalid(
                f"{form.ANCHORS}, line {number}: not the head of {head.size} entries that block {block} proves"
            )
    if len(listed) != len(proved):
        raise ProofInvalid(f"{form.ANCHORS}, line {len(proved) + 1}: no receipt proves this head")
    return [head for _, head in proved]


def check_tree(log: Recomputed, heads: Sequence[ev.HeadAnchored]) -> str:
    """The entries make the root of every anchored head.

    Raises:
        ProofInvalid: They do not; the message names the first bad entry, or the range in which it lies.
        CannotCheck: There is no anchored head.
    """
    if log.misfit is not None:
        raise ProofInvalid(f"{form.ENTRIES}, entry {log.misfit}: changed: it does not have the leaf that was logged")
    below = 0
    for head in heads:
        if head.size > log.size:
            raise ProofInvalid(f"{form.ENTRIES}: {head.size} entries were anchored, only {log.size} are here")
        if log.roots.get(head.size) != head.root:
            raise ProofInvalid(
                f"{form.ENTRIES}, entries {below} to {head.size - 1}: their root is not the anchored one; "
                "at least one was changed, removed, added or moved"
            )
        below = head.size
    if not heads:
        raise CannotCheck("no head of this log was anchored yet")
    return f"entries 0 to {below - 1} make the roots of all {len(heads)} anchored heads"


def check_tail(log: Recomputed, heads: Sequence[ev.HeadAnchored]) -> str:
    """No entry is newer than the last anchor.

    Raises:
        CannotCheck: Some are.
    """
    anchored = heads[-1].size if heads else 0
    if anchored < log.size:
        raise CannotCheck(
            f"entries {anchored} to {log.size - 1} are newer than the last anchor: "
            "only signed checkpoints cover them, the chain does not yet"
        )
    return f"all {log.size} entries are covered by the last anchored head"


def check_checkpoints(bundle: Bundle, log: Recomputed) -> str:
    """Each checkpoint is signed, of this log, and has the root of the entries; one covers them all.

    Raises:
        ProofInvalid: One does not.
    """
    keys = bundle.checkpoint_keys()
    sizes: list[int] = []
    for number, (_, line) in enumerate(bundle.lines(form.CHECKPOINTS, form.CheckpointLine), start=1):
        what = f"{form.CHECKPOINTS}, line {number}"
        try:
            checkpoint = verify_checkpoint(line.note, keys, bundle.log)
        except ProofInvalid as problem:
            raise ProofInvalid(f"{what}: {problem}") from problem
        _same_root(what, checkpoint, log)
        sizes.append(checkpoint.size)
    if sizes != sorted(set(sizes)):
        raise ProofInvalid(f"{form.CHECKPOINTS}: not in the order of their sizes, or one twice")
    if log.size and (not sizes or sizes[-1] != log.size):
        raise ProofInvalid(f"{form.CHECKPOINTS}: none covers all {log.size} entries")
    return f"{len(sizes)} signed checkpoints, the last of {log.size} entries"


def check_witnesses(bundle: Bundle, log: Recomputed, quorum: Quorum) -> str:
    """Enough witnesses signed a head that covers all entries.

    Raises:
        ProofInvalid: A witness's line does not belong to its head.
        CannotCheck: None did, or the newest head that they signed covers fewer entries.
    """
    newest, names = 0, ""
    for _, line in bundle.lines(form.CHECKPOINTS, form.CheckpointLine):
        found = cosigned(line.note, quorum.witnesses)
        if len(found) >= quorum.needed:
            newest, names = read_checkpoint(line.note).size, ", ".join(sorted(found))
    if newest == 0:
        raise CannotCheck(f"no head in the bundle has the signatures of {quorum.needed} of the witnesses you named")
    if newest < log.size:
        raise CannotCheck(f"{names} signed {newest} entries; entries {newest} to {log.size - 1} are newer")
    return f"{names} signed the head of all {newest} entries"


def check_consistency(bundle: Bundle, log: Recomputed, heads: Sequence[ev.HeadAnchored]) -> str:
    """The consistency proofs lead from each anchored head to the next, and from the last to all entries.

    Raises:
        ProofInvalid: One is missing or does not hold.
    """
    stations = [(head.size, head.root) for head in heads]
    if heads and heads[-1].size < log.size:
        stations.append((log.size, log.roots[log.size]))
    lines = [line for _, line in bundle.lines(form.CONSISTENCY, form.ConsistencyLine)]
    pairs = list(pairwise(stations))
    if [(line.first, line.second) for line in lines] != [(old[0], new[0]) for old, new in pairs]:
        raise ProofInvalid(f"{form.CONSISTENCY}: not one proof from each anchored head to the next")
    for number, (line, (old, new)) in enumerate(zip(lines, pairs, strict=True), start=1):
        try:
            verify_consistency(old[0], new[0], old[1], new[1], [bytes.fromhex(node[2:]) for node in line.proof])
        except ProofInvalid as problem:
            raise ProofInvalid(f"{form.CONSISTENCY}, line {number}: {problem}") from problem
    return f"{len(lines)} consistency proofs"


def check_accesses(bundle: Bundle, log: Recomputed, events: Sequence[Placed]) -> str:
    """Every access event on the chain is an entry.

    Raises:
        ProofInvalid: One is not; the message names the entry.
    """
    log.must_be_known()
    told: set[int] = set()
    for placed in events:
        event = placed.event
        if not isinstance(event, ev.AccessesRecorded) or event.log != bundle.log:
            continue
        for index, leaf in _entries(event, placed.block):
            if index in told:
                raise ProofInvalid(f"entry {index}: the chain records its access twice")
            told.add(index)
            if log.leaves.get(index) != leaf:
                raise ProofInvalid(
                    f"{form.ENTRIES}, entry {index}: the chain records an access with another content (block "
                    f"{placed.block})"
                )
            if log.places[index] != (to_hex(event.study), to_hex(event.engine)):
                raise ProofInvalid(f"{form.ENTRIES}, entry {index}: the chain records another study or engine")
    silent = len(log.leaves) - len(told)
    return f"{len(told)} accesses on the chain are entries of the log; {silent} such entries have none there (yet)"


def _entries(event: ev.AccessesRecorded, block: int) -> Iterator[tuple[int, bytes]]:
    try:
        return unpack_entries(event.entries)
    except InvalidInput as problem:
        raise ProofInvalid(f"block {block}: {problem}") from problem


def _is_later(schema: object) -> bool:
    """Whether a schema is a version of ours that came after this checker."""
    name, _, version = SCHEMA.rpartition("/")
    found = re.fullmatch(rf"{re.escape(name)}/([1-9][0-9]{{0,8}})", schema) if isinstance(schema, str) else None
    return found is not None and int(found[1]) > int(version)


def _same_root(what: str, checkpoint: Checkpoint, log: Recomputed) -> None:
    if checkpoint.size > log.size or log.roots.get(checkpoint.size) != checkpoint.root:
        raise ProofInvalid(f"{what}: its root is not that of the first {checkpoint.size} entries")
