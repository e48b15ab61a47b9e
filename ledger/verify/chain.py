"""What a bundle shows of the chain: its headers, the receipts in them, and the events in those.

Invariants: an event counts only out of a receipt whose trie hangs on a header of the linked chain; what a block does
not show is excluded by its bloom filter or counts as unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ledger.domain import events as ev
from ledger.domain.identifiers import to_hex
from ledger.errors import CannotCheck, ProofInvalid
from ledger.provenance import bundle as form
from ledger.provenance.history import Interest
from ledger.transparency import canonical
from ledger.verify.bundle import Bundle
from ledger.verify.events import ANCHOR, DIRECTORY, REGISTRY, Placed, read_event, read_receipt, topic_of
from ledger.verify.headers import Header, bloom_mask, excludes, read_header
from ledger.verify.mpt import decode_rlp, read_trie

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Linked:
    """A chain of headers: the ends, and those in between that something in the bundle refers to."""

    first: Header
    last: Header
    wanted: dict[int, Header]


@dataclass(slots=True)
class Shown:
    """What the receipts show: events of our contracts in chain order, and the blocks shown with all their receipts."""

    events: list[Placed] = field(default_factory=list)
    whole: set[int] = field(default_factory=set)
    blocks: int = 0
    receipts: int = 0


def link(bundle: Bundle) -> Linked:
    """Read the headers and see that each is the parent of the next, up to the block that the manifest names.

    Raises:
        ProofInvalid: They are not one chain; the message names the block.
    """
    numbers = {line.block for _, line in bundle.lines(form.RECEIPTS, form.ReceiptsLine)}
    numbers |= {line.block for _, line in bundle.lines(form.DECISIONS, form.DecisionLine)}
    first: Header | None = None
    last: Header | None = None
    wanted: dict[int, Header] = {}
    for header in _headers(bundle):
        if last is not None and (header.parent, header.number) != (last.hash, last.number + 1):
            raise ProofInvalid(f"{form.HEADERS}: block {header.number} is not the child of block {last.number}")
        first = first or header
        last = header
        if header.number in numbers:
            wanted[header.number] = header
    if first is None or last is None:
        raise ProofInvalid(f"{form.HEADERS}: there is no header")
    trusted = bundle.manifest.trusted
    if (last.number, to_hex(last.hash)) != (trusted.number, trusted.hash):
        raise ProofInvalid(
            f"{form.HEADERS}: the last header is block {last.number} {to_hex(last.hash)}, "
            f"the manifest says {trusted.number} {trusted.hash}"
        )
    return Linked(first, last, wanted)


def check_block(linked: Linked, given: bytes | None) -> str:
    """The chain ends in the block that the person who verifies trusts.

    Raises:
        CannotCheck: No block was given.
        ProofInvalid: Another one was given.
    """
    first, last = linked.first.number, linked.last
    if given is None:
        raise CannotCheck(
            f"blocks {first} to {last.number} are linked, but you gave no block hash; ask a node that you trust "
            f"for the hash of block {last.number}"
        )
    if given != last.hash:
        raise ProofInvalid(
            f"the block hash you gave, {to_hex(given)}, is not that of the bundle's last block {last.number}, "
            f"{to_hex(last.hash)}: it is of another block, or this is not the chain you trust"
        )
    return f"blocks {first} to {last.number} are linked and end in {to_hex(last.hash)}"


def read_receipts(bundle: Bundle, linked: Linked) -> Shown:
    """Check every receipt against its block's header and read the events of our contracts.

    Raises:
        ProofInvalid: A receipt is not proved; the message names the block.
    """
    shown = Shown()
    before = -1
    for _, line in bundle.lines(form.RECEIPTS, form.ReceiptsLine):
        what = f"{form.RECEIPTS}, block {line.block}"
        header = linked.wanted.get(line.block)
        if header is None or line.block <= before:
            raise ProofInvalid(f"{what}: the block is not among the headers, or out of order")
        before = line.block
        try:
            reading = read_trie(header.receipts_root, [bytes.fromhex(node[2:]) for node in line.nodes])
            receipts = sorted((_index(key), value) for key, value in reading.leaves.items())
            for index, receipt in receipts:
                for place, log in enumerate(read_receipt(receipt)):
                    event = read_event(log, bundle.contracts)
                    if event is not None:
                        shown.events.append(Placed(event, line.block, index, place))
        except ProofInvalid as problem:
            raise ProofInvalid(f"{what}: {problem}") from problem
        shown.blocks += 1
        shown.receipts += len(receipts)
        if reading.complete:
            shown.whole.add(line.block)
    return shown


def check_history(bundle: Bundle, shown: Shown, interest: Interest) -> list[Placed]:
    """The events that the decisions rest on, once the listing says exactly what the receipts do.

    Raises:
        ProofInvalid: The listing lacks one, adds one or words one differently.
    """
    concerned = interest.select(placed.event for placed in shown.events)
    proved = [placed for placed, wanted in zip(shown.events, concerned, strict=True) if wanted]
    listed = bundle.lines(form.CONSENTS, form.EventLine)
    for number, placed in enumerate(proved, start=1):
        _, line = next(listed, (0, None))
        what = f"{form.CONSENTS}, line {number}"
        name = type(placed.event).__name__
        if line is None:
            raise ProofInvalid(f"{what}: missing; the receipts prove a {name} in block {placed.block}")
        fits = canonical.same(line.fields, form.event_fields(placed.event))
        if not fits or (line.block, line.event) != (placed.block, name):
            raise ProofInvalid(f"{what}: not what the receipts prove, a {name} in block {placed.block}")
    if next(listed, None) is not None:
        raise ProofInvalid(f"{form.CONSENTS}, line {len(proved) + 1}: no receipt proves it")
    return proved


def check_completeness(bundle: Bundle, shown: Shown, history: Iterable[Placed]) -> str:
    """No further event about anything in the history can stand in a block that is not shown whole.

    Raises:
        CannotCheck: Some blocks cannot be excluded; the message counts and names them.
    """
    searches = later_events(
        [*((placed.block, placed.event) for placed in history), *_anchored(shown, bundle.log)], bundle.contracts
    )
    open_blocks: list[int] = []
    seen = 0
    for header in _headers(bundle):
        seen += 1
        if header.number in shown.whole:
            continue
        if may_change(header, searches):
            open_blocks.append(header.number)
    if open_blocks:
        named = ", ".join(map(str, open_blocks[:_NAMED])) + (" and others" if len(open_blocks) > _NAMED else "")
        raise CannotCheck(
            f"{len(open_blocks)} of {seen} blocks ({named}) may hold further events: their blooms do not exclude it "
            "and they are not shown whole"
        )
    return f"{len(searches)} searches over {seen} blocks, {len(shown.whole)} of them shown whole: nothing was left out"


def later_events(events: Iterable[tuple[int, ev.Event]], contracts: Mapping[bytes, str]) -> list[tuple[int, int]]:
    """What to search for, to see that none of some events has a later one that changes it.

    Args:
        events: Events with their blocks.
        contracts: The names of our contracts by address (20 bytes).

    Returns:
        The block from which a change is possible, and the bloom mask that a block with such a change has.
    """
    at = {name: address for address, name in contracts.items()}
    found: list[tuple[int, int]] = []
    for block, event in events:
        match event:
            case ev.SubjectEnrolled():
                kinds = (ev.ConsentRecorded, ev.ConsentWithdrawn, ev.AllWithdrawn)
                found += [(block, bloom_mask((at[REGISTRY], topic_of(kind), event.subject))) for kind in kinds]
            case ev.StudyProposed():
                found.append((block, bloom_mask((at[DIRECTORY], topic_of(ev.StudyStateChanged), event.id))))
            case ev.EngineRegistered():
                found.append((block, bloom_mask((at[DIRECTORY], topic_of(ev.EngineRevoked), event.id))))
            case ev.InstitutionAdmitted():
                changes = (ev.InstitutionStateChanged, ev.DatasetRegistered)
                found += [(block, bloom_mask((at[DIRECTORY], topic_of(kind), event.id))) for kind in changes]
            case ev.DatasetRegistered():
                ends = (ev.DatasetAmended, ev.DatasetClosed)
                found += [(block, bloom_mask((at[DIRECTORY], topic_of(kind), event.id))) for kind in ends]
            case ev.HeadAnchored() if event.previous_size == 0:
                found.append((block, bloom_mask((at[ANCHOR], topic_of(ev.HeadAnchored), event.log))))
            case _:
                pass
    return found


def may_change(header: Header, searches: Iterable[tuple[int, int]]) -> bool:
    """Whether a block may hold an event that one of the searches looks for."""
    return any(since <= header.number and not excludes(header.bloom, mask) for since, mask in searches)


def _anchored(shown: Shown, log: bytes) -> list[tuple[int, ev.Event]]:
    return [
        (placed.block, placed.event)
        for placed in shown.events
        if isinstance(placed.event, ev.HeadAnchored) and placed.event.log == log
    ]


def _headers(bundle: Bundle) -> Iterable[Header]:
    for number, (_, line) in enumerate(bundle.lines(form.HEADERS, form.HeaderLine)):
        try:
            yield read_header(bytes.fromhex(line.rlp[2:]))
        except ProofInvalid as problem:
            raise ProofInvalid(f"{form.HEADERS}, line {number + 1}: {problem}") from problem


def _index(key: bytes) -> int:
    number = decode_rlp(key, "receipt index")
    if not isinstance(number, bytes) or len(number) > 4 or number[:1] == b"\x00":
        raise ProofInvalid("a receipt's key is not the RLP of its index")
    return int.from_bytes(number, "big")
