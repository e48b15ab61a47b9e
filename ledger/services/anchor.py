"""Anchoring: binding a log's head, and the accesses since the last one, to the chain.

Invariants: at most one anchoring of a log is under way; its proof starts from the head that the mirror saw last; an
anchoring that the chain refused is made anew from what the chain holds.
"""

from collections import defaultdict

from ledger.domain.accesses import pack_entries
from ledger.domain.acts import Accesses, Anchoring
from ledger.domain.audit import ACCESSES
from ledger.domain.identifiers import parse_id, to_hex
from ledger.domain.outbox import Item
from ledger.errors import MirrorDiverged, NotFound
from ledger.services.context import Context
from ledger.services.submit import submit
from ledger.transparency import canonical
from ledger.transparency.tree import consistency_proof, root_at

MOST_ACCESSES = 1_000
"""Accesses in one anchoring: about 1.5 million gas, far under the 16.7 million of a transaction."""


def anchor(context: Context, log: bytes) -> Item | None:
    """Anchor the present head of a log whose institution's key is kept here.

    Returns:
        The anchoring in the outbox (one that is under way already, or a new one); None when there is nothing new.

    Raises:
        NotFound: The log's institution is not admitted, or its key is not kept here.
        MirrorDiverged: The chain holds more of the log than the store does: entries are missing here.
    """
    cursor = context.mirror.cursor()
    above = -1 if cursor is None else cursor.block.number
    for item in context.outbox.unsealed(above=above):
        if isinstance(item.act, Anchoring) and item.act.log == log:
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
    found = 0
    groups: dict[tuple[str, str], list[tuple[int, bytes]]] = defaultdict(list)
    for entry in context.audit.entries(log, before, size):
        document = canonical.decode_object(entry.canonical)
        study, engine = document["study"], document["engine"]
        if document["kind"] not in ACCESSES or not isinstance(study, str) or not isinstance(engine, str):
            continue
        if not study or not engine:
            continue
        if found == MOST_ACCESSES:
            size = entry.index
            break
        found += 1
        groups[study, engine].append((entry.index, entry.leaf))
    nodes = context.audit.nodes(log)
    act = Anchoring(
        log=log,
        size=size,
        root=root_at(nodes, size),
        proof=tuple(consistency_proof(nodes, before, size)) if before else (),
        accesses=tuple(
            Accesses(study=parse_id(study), engine=parse_id(engine), entries=pack_entries(entries))
            for (study, engine), entries in groups.items()
        ),
    )
    signed = context.keys.sign(act, institution.signer)
    return submit(context, [signed])[0]
