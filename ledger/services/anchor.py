"""Anchoring: binding a log's head, and the accesses since the last one, to the chain.

Invariants: at most one anchoring of a log is under way; its proof starts from the head that the mirror saw last; an
anchoring that the chain refused is made anew from what the chain holds. So it does not matter when a process stops, or
for how long the chain was away: what is not on the chain is anchored next.

One head binds everything before it, however much that is. Accesses take their own bytes in the transaction, so one
anchoring carries a bounded number of them (``Limits.anchor_accesses``), and a log that is far behind takes several. In
the mode ``heads`` that number is 0: the log's entries tell of the accesses, the chain does not.
"""

from collections import defaultdict
from dataclasses import dataclass

from ledger.domain.accesses import count_entries, pack_entries
from ledger.domain.acts import Accesses, Anchoring
from ledger.domain.audit import ACCESSES
from ledger.domain.identifiers import parse_id, to_hex
from ledger.domain.outbox import Item
from ledger.errors import ConsentryError, MirrorDiverged, NotFound
from ledger.services.context import Context
from ledger.services.submit import submit
from ledger.transparency import canonical
from ledger.transparency.tree import consistency_proof, root_at


@dataclass(frozen=True, slots=True)
class Anchored:
    """A head of a log on the chain.

    Attributes:
        size: Entries under it.
        root: Their RFC 9162 root, 32 bytes.
        block: Number of the block that holds it.
        transaction: Hash of the transaction that brought it.
        confirmations: Blocks on top of that one, as far as the copy has come.
        final: Whether these are as many as are asked for; until then a reorg may take the head back.
        accesses: Access events that came with it.
    """

    size: int
    root: bytes
    block: int
    transaction: bytes
    confirmations: int
    final: bool
    accesses: int


def anchor(context: Context, log: bytes) -> Item | None:
    """Anchor the present head of a log whose institution's key is kept here.

    Returns:
        The anchoring in the outbox (one that is under way already, or a new one); None when there is nothing new.

    Raises:
        NotFound: The log's institution is not admitted, or its key is not kept here.
        MirrorDiverged: The chain holds more of the log than the store does, or another head: a fork cannot be anchored.
    """
    item = under_way(context, log)
    if item is not None:
        return item
    institution = context.mirror.institution(log)
    if institution is None:
        raise NotFound(f"institution {to_hex(log)} is not admitted, so its log cannot be anchored")
    head = context.mirror.head_of(log)
    before = 0 if head is None else head.size
    size = context.audit.size(log)
    if size < before:
        raise MirrorDiverged(f"the chain holds {before} entries of this log, the store only {size}; restore the store")
    if size == before:
        return None
    nodes = context.audit.nodes(log)
    if head is not None and root_at(nodes, before) != head.root:
        raise MirrorDiverged(f"the first {before} entries are not the anchored ones; run consentry audit fsck")
    size, accesses = _accesses(context, log, before, size)
    act = Anchoring(
        log=log,
        size=size,
        root=root_at(nodes, size),
        proof=tuple(consistency_proof(nodes, before, size)) if before else (),
        accesses=accesses,
    )
    signed = context.keys.sign(act, institution.signer)
    return submit(context, [signed])[0]


def anchor_all(context: Context) -> tuple[list[Item], dict[bytes, ConsentryError]]:
    """Anchor every log; one that cannot be anchored, above all one that was changed, holds up no other.

    Returns:
        The anchorings that are under way, and what went wrong, by log; ``NotFound``: its key is kept elsewhere.
    """
    items: list[Item] = []
    problems: dict[bytes, ConsentryError] = {}
    for log in context.audit.logs():
        try:
            item = anchor(context, log)
        except ConsentryError as problem:
            problems[log] = problem
        else:
            items += [] if item is None else [item]
    return items, problems


def under_way(context: Context, log: bytes) -> Item | None:
    """The anchoring of a log that the copy of the chain cannot show yet."""
    cursor = context.mirror.cursor()
    above = -1 if cursor is None else cursor.block.number
    for item in context.outbox.unsealed(above=above):
        if isinstance(item.act, Anchoring) and item.act.log == log:
            return item
    return None


def is_full(context: Context, item: Item) -> bool:
    """Whether an anchoring carries as many accesses as one may: then the next must not wait for its time."""
    most = context.limits.anchor_accesses
    carried = sum(count_entries(group.entries) for group in item.act.accesses) if isinstance(item.act, Anchoring) else 0
    return 0 < most <= carried


def anchored(context: Context, log: bytes) -> list[Anchored]:
    """The heads of a log that the copy of the chain shows, oldest first."""
    cursor = context.mirror.cursor()
    top = 0 if cursor is None else cursor.block.number
    carried: dict[bytes, int] = defaultdict(int)
    for _, event in context.mirror.accesses_of(log):
        carried[event.transaction] += 1
    return [
        Anchored(
            size=head.size,
            root=head.root,
            block=event.block_number,
            transaction=event.transaction,
            confirmations=top - event.block_number,
            final=is_final(context, event.block_number),
            accesses=carried[event.transaction],
        )
        for head, event in context.mirror.heads_of(log)
    ]


def is_final(context: Context, block: int) -> bool:
    """Whether as many blocks as are asked for stand on top of a block, in the copy of the chain."""
    cursor = context.mirror.cursor()
    return cursor is not None and block <= cursor.block.number - context.limits.confirmations


def _accesses(context: Context, log: bytes, before: int, size: int) -> tuple[int, tuple[Accesses, ...]]:
    """The accesses among the entries from ``before`` on, as many as may be, and the size of the head to carry them."""
    most = context.limits.anchor_accesses
    found = 0
    groups: dict[tuple[str, str], list[tuple[int, bytes]]] = defaultdict(list)
    for entry in context.audit.entries(log, before, size) if most else ():
        document = canonical.decode_object(entry.canonical)
        study, engine = document["study"], document["engine"]
        if document["kind"] not in ACCESSES or not isinstance(study, str) or not isinstance(engine, str):
            continue
        if not study or not engine:
            continue
        if found == most:
            size = entry.index
            break
        found += 1
        groups[study, engine].append((entry.index, entry.leaf))
    return size, tuple(
        Accesses(study=parse_id(study), engine=parse_id(engine), entries=pack_entries(entries))
        for (study, engine), entries in groups.items()
    )
