"""Exporting a log: gathering, through the ports, what a bundle or a provenance document is written from.

Invariants: everything is as of one checkpoint of the log and one block of the chain; entries, decisions, members and
headers are streamed, and of each decision 40 bytes are kept; what the store and the chain disagree on stops the export,
it is never papered over.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Protocol

from ledger.domain import events as ev
from ledger.domain.audit import Member
from ledger.domain.decision import Outcome, Reason
from ledger.domain.events import Block, Logged
from ledger.domain.identifiers import to_hex
from ledger.domain.projection import Head
from ledger.errors import MirrorDiverged, NotFound, NotReady
from ledger.ports import AuditStore, ChainReader, Clock, MirrorStore
from ledger.provenance import bundle as form
from ledger.provenance.history import Interest
from ledger.services.context import LogKeys
from ledger.services.decided import Decided
from ledger.services.witness import Witnesses
from ledger.transparency import canonical
from ledger.transparency.tree import consistency_proof

Suspicion = Callable[[bytes], bool]
"""Whether a block, by the RLP of its header, may hold an event that would change what was gathered."""
Progress = Callable[[int, int], None]
"""Is told how many entries of how many are done."""
STEP: Final = 500
_PASSES: Final = 3  # over the log: to find its decisions, to write its entries, to write its decisions


class Ports(Protocol):
    """The part of the services' context that an export needs."""

    @property
    def clock(self) -> Clock:
        """The time of day."""
        ...

    @property
    def reader(self) -> ChainReader:
        """The chain."""
        ...

    @property
    def mirror(self) -> MirrorStore:
        """The copy of the chain."""
        ...

    @property
    def audit(self) -> AuditStore:
        """The logs."""
        ...

    @property
    def log_keys(self) -> LogKeys:
        """The keys of receipts and checkpoints."""
        ...

    @property
    def witnesses(self) -> Witnesses:
        """What witnesses signed."""
        ...


def _unseen(_done: int, _total: int) -> None:
    """The progress that nobody watches."""


@dataclass(slots=True)
class Export:
    """One log at one moment: its entries up to a checkpoint, and the chain up to a block.

    Args:
        ports: Where everything comes from.
        log: The log's id.
        with_members: Whether the considered subjects' rows go along, and with them their consent history. Only for
            readers who may see them.
        progress: Is told how far the export is; what it raises ends it.

    Raises:
        NotFound: There is no such institution.
        NotReady: The mirror has taken in no block yet, or the chain's node has another one at its height.
        MirrorDiverged: The chain holds a larger log than the store.
    """

    ports: Ports
    log: bytes
    with_members: bool
    progress: Progress = _unseen
    size: int = field(init=False)
    block: Block = field(init=False)
    institution: str = field(init=False)
    heads: list[tuple[Head, Logged]] = field(init=False)
    _found: Decided | None = None
    _told: int = 0

    def __post_init__(self) -> None:
        institution = self.ports.mirror.institution(self.log)
        if institution is None:
            raise NotFound(f"institution {to_hex(self.log)} is not admitted, so it has no log")
        self.institution = institution.name
        newest = self.ports.audit.checkpoint(self.log)
        self.size = 0 if newest is None else newest.size
        cursor = self.ports.mirror.cursor()
        if cursor is None or self.ports.reader.block(cursor.block.number) != cursor.block:
            raise NotReady("the mirror is not on the node's chain now; export again when it has caught up")
        self.block = cursor.block
        self.heads = [found for found in self.ports.mirror.heads_of(self.log) if self._is_in(found[1])]
        if self.heads and self.heads[-1][0].size > self.size:
            raise MirrorDiverged(
                f"the chain holds {self.heads[-1][0].size} entries of this log, the store only {self.size}; "
                "restore the store, then export"
            )

    def entries(self) -> Iterator[bytes]:
        """The lines of the entries."""
        for entry in self.ports.audit.entries(self.log, 0, self.size):
            self._tell(1, entry.index)
            yield form.entry_line(entry.canonical, entry.leaf)

    def checkpoints(self) -> Iterator[bytes]:
        """The lines of the checkpoints at anchored sizes, of the newest witnessed one, and of that over all entries."""
        sizes = {head.size for head, _ in self.heads} | ({self.size} if self.size else set())
        witnesses = self.ports.witnesses
        signed = witnesses.kept.newest(self.log, max(witnesses.needed, 1))
        if signed is not None and signed <= self.size:
            sizes.add(signed)
        for size in sorted(sizes):
            kept = self.ports.audit.checkpoint(self.log, size)
            if kept is not None:
                yield form.to_line(form.CheckpointLine(witnesses.note(kept)))

    def anchors(self) -> Iterator[bytes]:
        """The lines of the anchored heads."""
        for head, logged in self.heads:
            line = form.AnchorLine(head.size, to_hex(head.root), logged.block_number, to_hex(logged.transaction))
            yield form.to_line(line)

    def consistency(self) -> Iterator[bytes]:
        """The lines of the proofs from each anchored head to the next, and on to all entries."""
        sizes = [head.size for head, _ in self.heads]
        if sizes and sizes[-1] < self.size:
            sizes.append(self.size)
        nodes = self.ports.audit.nodes(self.log)
        for first, second in pairwise(sizes):
            proof = [to_hex(node) for node in consistency_proof(nodes, first, second)]
            yield form.to_line(form.ConsistencyLine(first, second, proof))

    def decisions(self) -> Iterator[bytes]:
        """The lines of the decisions."""
        for record in self._decided:
            self._tell(2, record.index)
            request = canonical.decode_object(record.request)
            line = form.DecisionLine(record.id, record.index, record.block_number, request, record.receipt)
            yield form.to_line(line)

    def members(self) -> Iterator[bytes]:
        """The lines of the considered rows, decision by decision."""
        for record in self._decided:
            for member in self.ports.audit.members(record.id):
                yield form.to_line(_member_line(record.id, member))

    def erased(self) -> Iterator[bytes]:
        """The lines of what is left of erased rows, decision by decision."""
        for record in self._decided:
            for place, leaf in sorted(self.ports.audit.erased(record.id).items()):
                yield form.to_line(form.ErasedLine(record.id, place, to_hex(leaf)))

    def history(self) -> list[Logged]:  # noqa: C901 - one line a kind
        """The events that the decisions rest on, in chain order."""
        interest = self._decided.interest
        mirror = self.ports.mirror
        found: dict[tuple[int, int], Logged] = {}

        def take(kind: str, first: bytes) -> None:
            for logged in mirror.events_for(kind, first):
                if self._is_in(logged):
                    found[logged.block_number, logged.log_index] = logged

        for study in interest.studies:
            take("Study", study)
        for engine in interest.engines:
            take("Engine", engine)
        for subject in interest.subjects:
            for kind in ("Subject", "Consent", "SpentId"):
                take(kind, subject)
        events = [logged.event for logged in found.values()]
        institutions = {self.log} | {event.institution for event in events if isinstance(event, ev.StudyProposed)}
        institutions |= {event.custodian for event in events if isinstance(event, ev.SubjectEnrolled)}
        for institution in institutions:
            take("Institution", institution)
        for dataset in self._datasets(institutions, interest):
            take("Dataset", dataset)
        for terms in {event.scope.terms for event in events if isinstance(event, ev.ConsentRecorded)}:
            take("Terms", terms)
        ordered = [found[place] for place in sorted(found)]
        wanted = interest.select(logged.event for logged in ordered)
        return [logged for logged, is_wanted in zip(ordered, wanted, strict=True) if is_wanted]

    def consents(self, history: Iterable[Logged]) -> Iterator[bytes]:
        """The lines of the history, in words."""
        for logged in history:
            yield form.to_line(
                form.EventLine(
                    block=logged.block_number,
                    transaction=to_hex(logged.transaction),
                    event=type(logged.event).__name__,
                    fields=form.event_fields(logged.event),
                )
            )

    def headers(self, history: Sequence[Logged], suspicion: Suspicion, shown: set[int]) -> Iterator[bytes]:
        """The lines of all headers from the first block that matters to the trusted one.

        Args:
            history: The events that the decisions rest on.
            suspicion: Tells the blocks that must be shown because their bloom does not exclude a further event.
            shown: Takes in the numbers of all blocks whose receipts must be shown.
        """
        shown |= {logged.block_number for logged in history} | {logged.block_number for _, logged in self.heads}
        decided = self._decided.first_block
        first = min([*shown, *([] if decided is None else [decided]), self.block.number])
        for number in range(first, self.block.number + 1):
            header = self.ports.reader.header(number)
            if suspicion(header):
                shown.add(number)
            yield form.to_line(form.HeaderLine(to_hex(header)))

    def receipts(self, shown: Iterable[int]) -> Iterator[bytes]:
        """The lines of the receipts of some blocks, all of each: so nothing else can be in them."""
        for number in sorted(shown):
            nodes = [to_hex(node) for node in self.ports.reader.receipt_nodes(number)]
            yield form.to_line(form.ReceiptsLine(number, nodes))

    def keys(self) -> bytes:
        """The key document."""
        keys = self.ports.log_keys
        return form.to_line(form.Keys(dict(keys.published.jwks), list(map(str, keys.note_keys(self.log)))))

    def manifest(self, files: Sequence[form.FileLine]) -> bytes:
        """The manifest over the files that were written."""
        reader = self.ports.reader
        return form.to_line(
            form.Manifest(
                format=form.FORMAT,
                log=to_hex(self.log),
                institution=self.institution,
                created=self.ports.clock.now(),
                entries=self.size,
                decisions=len(self._decided),
                members=self.with_members,
                chain=form.ChainLine(reader.chain_id, {name: to_hex(at) for name, at in reader.contracts.items()}),
                trusted=form.TrustedBlock(self.block.number, to_hex(self.block.hash)),
                files=list(files),
            )
        )

    def _datasets(self, custodians: set[bytes], interest: Interest) -> list[bytes]:
        """The datasets whose terms decided, or that were asked for by name."""
        held = self.ports.mirror.datasets_at(self.block.number)
        return [one.id for one in held if one.custodian in custodians or one.id in interest.datasets]

    @property
    def _decided(self) -> Decided:
        """The decisions in the log; it is read for them once."""
        if self._found is None:
            self._found = Decided(
                self.ports.audit, self.log, self.size, with_members=self.with_members, tell=lambda at: self._tell(0, at)
            )
        return self._found

    def _tell(self, passes: int, index: int) -> None:
        """Progress, in entries of the log: so many passes are done, and of the next one all before ``index``."""
        done = (passes * self.size + index) // _PASSES
        if done >= self._told + STEP:
            self._told = done
            self.progress(done, self.size)

    def _is_in(self, logged: Logged) -> bool:
        return logged.block_number <= self.block.number


def _member_line(decision: str, member: Member) -> form.MemberLine:
    return form.MemberLine(
        decision=decision,
        subject=to_hex(member.subject),
        salt=to_hex(member.salt),
        outcome=Outcome(member.outcome).name.lower(),
        reason=Reason(member.reason).code,
        consent=None if member.consent is None else to_hex(member.consent),
        version=member.version,
    )
