"""The relayer: carries accepted acts from the outbox to the chain.

Invariants: an accepted act reaches the chain exactly once or is refused with a reason, through kill -9 at any point; an
act never overtakes an earlier one of the same subject; one bad act does not hold up the others.

How: signed transactions are recorded, with their items, before the first of them is sent, and only ever these same
bytes are sent again until the transaction has an outcome; its nonce and the ids that the contract spends make doubling
impossible. The nonce of one that the node refuses is used up by an empty transaction before the refusal is recorded, so
that those after it are never stuck behind a gap. A transaction that fails as a whole is split in halves; an act that
fails alone is refused.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count, takewhile

from ledger.chain.grouping import Group, group
from ledger.chain.node import NodeRefused, NonceTaken
from ledger.domain.outbox import Outcome, Transmission
from ledger.errors import InvalidInput, NotFound
from ledger.ports import ChainWriter, Clock, OutboxStore

MOST_IN_FLIGHT = 128
RESEND_AFTER = 15
"""Seconds after which a transaction without outcome is sent again."""
LOST_AFTER = 60
"""Seconds for which a used nonce and no receipt must last, before a transaction counts as replaced."""
UNSENDABLE = "no transaction can be made of it"
_ANY_BLOCK = 1 << 62


@dataclass(frozen=True, slots=True)
class Progress:
    """What one run did: transactions sent, items sealed and refused, and transactions still open."""

    sent: int = 0
    sealed: int = 0
    refused: int = 0
    open: int = 0

    @property
    def idle(self) -> bool:
        """Nothing was done and nothing is under way."""
        return self == Progress()


class Relayer:
    """Carries acts; one at a time per outbox.

    Args:
        store: The outbox.
        writer: Signs and sends.
        clock: Seconds UTC.
        batch: Most acts in one transaction.
    """

    def __init__(self, store: OutboxStore, writer: ChainWriter, clock: Clock, batch: int = 100) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._batch = batch
        self._known: dict[bytes, Transmission] = {}
        self._sent_at: dict[bytes, int] = {}
        self._missed_since: dict[bytes, int] = {}
        self._most: dict[int, int] = {}  # item's sequence -> most items of its next transaction
        self._digests: dict[int, bytes] = {}

    def run_once(self) -> Progress:
        """Follow what is under way, then send what waits.

        Returns:
            What was done. When not idle, run again soon.

        Raises:
            LedgerUnreachable: The node does not answer; everything is durable, run again later.
        """
        under_way: list[Transmission] = []
        ended: list[tuple[Transmission, Outcome]] = []
        recorded = self._recorded()
        outcomes = self._writer.outcomes([transmission.hash for transmission in recorded])
        for transmission, known in zip(recorded, outcomes, strict=True):
            outcome = known or self._send_again(transmission)
            if outcome is None:
                under_way.append(transmission)
            else:
                ended.append((transmission, outcome))
        progress = self._settle(ended)
        carried = self._carry(self._next(under_way), under_way)
        now_ended = [(transmission, outcome) for transmission, outcome in carried if outcome is not None]
        more = self._settle(now_ended)
        return Progress(
            sent=len(carried),
            sealed=progress.sealed + more.sealed,
            refused=progress.refused + more.refused,
            open=len(under_way) + len(carried) - len(now_ended),
        )

    def _recorded(self) -> list[Transmission]:
        """Transmissions without outcome, in order; their bytes are read once, and kept until there is one."""
        names = self._store.under_way()
        if any(name not in self._known for name in names):
            self._known = {transmission.hash: transmission for transmission in self._store.transmissions()}
        return [self._known[name] for name in names if name in self._known]

    def _next(self, under_way: list[Transmission]) -> list[Group]:
        """What can go now, all from one sender: transactions of two senders have no order on the chain."""
        room = MOST_IN_FLIGHT - len(under_way)
        waiting = self._store.waiting(self._batch * room) if room > 0 else []
        groups = group(waiting, self._batch, self._most, self._writer.sender_of)[: max(room, 0)]
        senders = {transmission.sender for transmission in under_way} | {part.sender for part in groups[:1]}
        return list(takewhile(lambda part: senders == {part.sender}, groups))

    def _carry(self, groups: list[Group], under_way: list[Transmission]) -> list[tuple[Transmission, Outcome | None]]:
        """Record a transaction for each group, all at once, then send them; gives each with what became of it."""
        if not groups:
            return []
        taken = {transmission.nonce for transmission in under_way}
        prepared = list(self._prepare_all(groups, taken))
        self._store.record_transmissions([transmission for transmission, _ in prepared], at=self._clock.now())
        self._known.update((transmission.hash, transmission) for transmission, _ in prepared)
        ended: list[tuple[Transmission, Outcome | None]] = []
        sent: list[Transmission] = []
        for transmission, unsendable in prepared:
            outcome = unsendable or self._send(transmission)
            if outcome is None:
                sent.append(transmission)
            else:
                ended.append((transmission, outcome))
        return [*ended, *zip(sent, self._writer.outcomes([one.hash for one in sent]), strict=True)]

    def _prepare_all(self, groups: list[Group], taken: set[int]) -> Iterator[tuple[Transmission, Outcome | None]]:
        """Transactions with rising nonces, those that are taken left out; what none can be made of uses none up."""
        free = (nonce for nonce in count(self._writer.next_nonce(groups[0].sender)) if nonce not in taken)
        nonce = next(free)
        for part in groups:
            transmission, unsendable = self._prepare(part, nonce)
            yield transmission, unsendable
            if unsendable is None:
                nonce = next(free)

    def _prepare(self, part: Group, nonce: int) -> tuple[Transmission, Outcome | None]:
        sequences = tuple(item.sequence for item in part.items)
        self._digests.update((item.sequence, item.digest) for item in part.items)
        try:
            return self._writer.prepare(part.items, nonce), None
        except (InvalidInput, NotFound) as problem:
            # Not even a transaction can be made of it. An empty one stands for it, so that the refusal is recorded.
            name = sha256(b"unsendable" + part.items[0].digest + sequences[0].to_bytes(8, "big")).digest()
            return Transmission(name, part.sender, nonce, b"", sequences), _failed(str(problem))

    def _send_again(self, transmission: Transmission) -> Outcome | None:
        """Send a transmission without outcome once more, when it is time to; what became of it at once."""
        if self._clock.now() - self._sent_at.get(transmission.hash, -RESEND_AFTER) < RESEND_AFTER:
            return None
        return self._send(transmission) or self._writer.outcome(transmission.hash)

    def _send(self, transmission: Transmission) -> Outcome | None:
        """Hand it to the node; an outcome where it is known without a block."""
        now = self._clock.now()
        if not transmission.raw:  # a process ended between recording and refusing it
            return _failed(UNSENDABLE)
        try:
            self._writer.send(transmission)
        except NodeRefused as problem:
            self._close_gap(transmission)
            return _failed(str(problem))
        except NonceTaken:
            outcome = self._writer.outcome(transmission.hash)
            if outcome is not None:
                return outcome
            # Another transaction seems to have the nonce, but a node behind a balancer may just not know the block yet.
            if now - self._missed_since.setdefault(transmission.hash, now) >= LOST_AFTER:
                return _failed("")
            return None
        self._sent_at[transmission.hash] = now
        self._missed_since.pop(transmission.hash, None)
        return None

    def _close_gap(self, refused: Transmission) -> None:
        """Use up the nonce of a refused transaction where later ones wait for it."""
        if any(one.sender == refused.sender and one.nonce > refused.nonce for one in self._known.values() if one.raw):
            with suppress(NodeRefused, NonceTaken):  # then the next transaction takes it, or somebody has
                self._writer.fill(refused.sender, refused.nonce)

    def _settle(self, ended: list[tuple[Transmission, Outcome]]) -> Progress:
        """Record what became of transactions, in one transaction of the store."""
        if not ended:
            return Progress()
        known = [(transmission, self._judged(transmission, outcome)) for transmission, outcome in ended]
        self._store.settle_all(known)
        sealed = refused = 0
        for transmission, outcome in known:
            self._known.pop(transmission.hash, None)
            self._sent_at.pop(transmission.hash, None)
            self._missed_since.pop(transmission.hash, None)
            for sequence in transmission.items:
                self._digests.pop(sequence, None)
                if outcome.succeeded or outcome.refused:
                    self._most.pop(sequence, None)
            refused += len(outcome.refused)
            sealed += len(transmission.items) - len(outcome.refused) if outcome.succeeded else 0
        return Progress(sealed=sealed, refused=refused)

    def _judged(self, transmission: Transmission, outcome: Outcome) -> Outcome:
        """A transaction that failed as a whole: its act is refused where it was alone, else it goes in halves next."""
        items = transmission.items
        if not outcome.succeeded and outcome.error:
            if len(items) == 1:
                return replace(outcome, refused={self._digest_of(items[0]): outcome.error})
            self._most.update((sequence, len(items) // 2) for sequence in items)
        return outcome

    def _digest_of(self, sequence: int) -> bytes:
        digest = self._digests.get(sequence)
        if digest is None:  # sent by an earlier process
            digest = self._store.unsealed(above=_ANY_BLOCK, after=sequence - 1)[0].digest
        return digest


def _failed(error: str) -> Outcome:
    """The outcome of a transaction that no block holds and none will."""
    return Outcome(block_number=0, block_hash=bytes(32), succeeded=False, refused={}, error=error)
