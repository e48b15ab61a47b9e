"""What the blocks in the mirror show of transactions that are under way, so that no receipt is asked for them.

A receipt carries every event of its transaction, a third of a megabyte where two hundred acts are in it, and the mirror
reads the same events anyway. A transaction of which a block holds an event succeeded, as one that fails leaves none;
and it says of each act that it refused that it did.

Invariants: nothing is told of a transaction whose block was not taken in whole, or was taken back; what left no event
is not told of at all, and the receipt alone says what became of it.
"""

import threading
from collections.abc import Iterable, Sequence

from ledger.domain.events import ActRefused, Logged
from ledger.domain.outbox import Outcome


class Shown:
    """Outcomes by transaction. Thread-safe: the mirror notes, the relayer asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: dict[bytes, Outcome | None] = {}
        self._block = -1

    @property
    def block(self) -> int:
        """The newest block that the mirror was seen to take in; -1 before the first."""
        return self._block

    def want(self, transactions: Iterable[bytes]) -> None:
        """Watch for these from now on."""
        with self._lock:
            for transaction in transactions:
                self._wanted.setdefault(transaction, None)

    def drop(self, transactions: Iterable[bytes]) -> None:
        """Watch for these no longer."""
        with self._lock:
            for transaction in transactions:
                self._wanted.pop(transaction, None)

    def outcome(self, transaction: bytes) -> Outcome | None:
        """What became of one that is watched for; None where no block has shown it. ``gas`` is not known."""
        with self._lock:  # a block is noted whole
            return self._wanted.get(transaction)

    def note(self, block: int, events: Sequence[Logged]) -> None:
        """The mirror has taken blocks in, up to this one, with all their events."""
        with self._lock:
            if self._wanted:
                for logged in events:
                    if logged.transaction in self._wanted:
                        self._note(logged)
            self._block = block

    def forget(self, above: int) -> None:
        """The chain takes back its blocks above this one."""
        with self._lock:
            for transaction, outcome in self._wanted.items():
                if outcome is not None and outcome.block_number > above:
                    self._wanted[transaction] = None
            self._block = min(self._block, above)

    def _note(self, logged: Logged) -> None:
        outcome = self._wanted[logged.transaction]
        if outcome is None:
            outcome = Outcome(logged.block_number, logged.block_hash, succeeded=True, refused={})
            self._wanted[logged.transaction] = outcome
        if isinstance(logged.event, ActRefused):
            outcome.refused[logged.event.digest] = logged.event.reason
