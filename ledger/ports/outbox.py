"""The durable queue of accepted acts."""

from collections.abc import Collection, Sequence
from typing import Protocol

from ledger.domain.acts import Act
from ledger.domain.outbox import Item, ItemState, Outcome, Transmission


class OutboxStore(Protocol):
    """The durable queue of accepted acts."""

    def accept(self, acts: Sequence[tuple[bytes, Act]], *, at: int) -> list[Item]:
        """Take acts (digest, act) in, all or none, in order; a digest that is there already returns its item."""
        ...

    def item(self, digest: bytes) -> Item | None:
        """The item with this digest."""
        ...

    def find(self, digests: Sequence[bytes]) -> list[Item | None]:
        """As ``item``, for each of several digests, in order, in one question."""
        ...

    def waiting(self, limit: int) -> list[Item]:
        """Accepted items that no transmission carries yet, in order of acceptance."""
        ...

    def unsealed(self, *, above: int, after: int = 0, subjects: Collection[bytes] | None = None) -> list[Item]:
        """Items that a copy of the chain at block ``above`` cannot show yet, with a sequence over ``after``, in order.

        These are the accepted and sent ones, and those sealed in later blocks than ``above``; of some subjects alone,
        where they are given.
        """
        ...

    def revoking(self, after: int, until: int, limit: int) -> list[Item]:
        """Items that may take a permit back (``revocation.accepted``), whatever became of them, in order.

        Args:
            after: Their sequences are over this one.
            until: And not over this one.
            limit: How many at most.
        """
        ...

    def newest(self) -> int:
        """The sequence of the newest item, 0 when there is none; cheap enough to ask at every decision."""
        ...

    def record_transmission(self, transmission: Transmission, *, at: int) -> None:
        """Bind a signed transaction to its items (state sent), before it goes out."""
        ...

    def record_transmissions(self, transmissions: Sequence[Transmission], *, at: int) -> None:
        """As ``record_transmission``, of several in one transaction: all are bound, or none."""
        ...

    def under_way(self) -> list[bytes]:
        """The hashes of ``transmissions``, in their order; cheap enough to ask again and again."""
        ...

    def transmissions(self) -> list[Transmission]:
        """Recorded transmissions without a final outcome, by sender and nonce."""
        ...

    def settle(self, transmission: Transmission, outcome: Outcome) -> None:
        """Record the outcome of a transmission, once.

        Items named in ``outcome.refused`` are refused with that reason. The others are sealed when the transaction
        succeeded; when it failed (it ran out of gas, or another took its nonce) they wait again, in their old order,
        for a new transmission. Items that a newer transmission carries by now are left alone.
        """
        ...

    def settle_all(self, outcomes: Sequence[tuple[Transmission, Outcome]]) -> None:
        """As ``settle``, of several transmissions in one transaction."""
        ...

    def unsettle(self, above_block: int) -> None:
        """A reorg took blocks back: transmissions settled in blocks above this one are open again."""
        ...

    def items(self, *, subject: bytes | None = None, state: ItemState | None = None, limit: int = 100) -> list[Item]:
        """The newest items, for status pages."""
        ...
