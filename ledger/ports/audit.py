"""The audit logs, and who holds one for writing."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from ledger.domain.audit import Checkpointed, DecisionRecord, Member, StoredEntry
from ledger.transparency.edge import Place, Run
from ledger.transparency.tree import NodeReader

EntryRow: TypeAlias = tuple[int, bytes, bytes, str | None, int | None, bytes | None]
"""An entry as its row holds it, whatever that is: index, canonical bytes, leaf, key, count, decision."""


class LogWriter(Protocol):
    """One log, held exclusively inside a transaction."""

    @property
    def size(self) -> int:
        """Entries so far."""
        ...

    def find(self, key: str) -> StoredEntry | None:
        """The entry that came under an idempotency key."""
        ...

    def find_all(self, keys: Sequence[str]) -> dict[str, StoredEntry]:
        """The entries that came under any of these keys, by key, in one question."""
        ...

    def node(self, level: int, index: int) -> bytes:
        """A complete subtree's hash (see transparency.tree)."""
        ...

    def fetch(self, places: Sequence[Place]) -> list[bytes]:
        """Complete nodes in one question: a writer is a ``NodeReader``."""
        ...

    def append(self, entries: Sequence[StoredEntry], runs: Sequence[Run]) -> None:
        """Add entries at the end, with the runs of tree nodes that they complete, as ``Edge.extend`` gives them."""
        ...

    def checkpoint(self, checkpoint: Checkpointed) -> None:
        """Keep a checkpoint that is given out."""
        ...

    def save_decision(self, record: DecisionRecord, members: Sequence[Member]) -> None:
        """Keep a decision with its entry, in the same transaction."""
        ...


class AuditStore(Protocol):
    """The audit logs."""

    def writer(self, log: bytes) -> AbstractContextManager[LogWriter]:
        """Hold a log for writing; commits when the block ends, undoes everything when it raises."""
        ...

    def size(self, log: bytes) -> int:
        """Entries in a log; 0 for one that is not there."""
        ...

    def logs(self) -> list[bytes]:
        """Logs with entries, or with checkpoints of entries, whatever became of those."""
        ...

    def entry(self, log: bytes, index: int) -> StoredEntry | None:
        """One entry."""
        ...

    def entries(self, log: bytes, first: int, last: int) -> Iterator[StoredEntry]:
        """Entries with ``first <= index < last``, in order, streamed."""
        ...

    def rows(self, log: bytes, first: int, last: int, most: int) -> Iterator[Sequence[EntryRow]]:
        """As ``entries``, at most so many at a time, as they are stored: for who reads all of a log, and doubts it."""
        ...

    def misstored(self, log: bytes) -> list[tuple[int | None, str]]:
        """Values of another kind than their columns, beside a log's entries and in their indices.

        Each with the first entry concerned, if one can be named. Where there is one, the log cannot be read.
        """
        ...

    def node(self, log: bytes, level: int, index: int) -> bytes:
        """A complete subtree's hash; NotFound when it is not complete."""
        ...

    def nodes(self, log: bytes) -> NodeReader:
        """The nodes of a log's tree, for roots and proofs (see transparency.tree)."""
        ...

    def tiles(self, log: bytes, level: int, first: int, last: int) -> dict[int, tuple[bytes, bytes]]:
        """Full tiles with ``first <= index < last`` as they are stored: the root, and the 256 hashes side by side."""
        ...

    def checkpoint(self, log: bytes, size: int | None = None) -> Checkpointed | None:
        """The newest checkpoint, or the one of a size."""
        ...

    def checkpoint_over(self, log: bytes, index: int) -> Checkpointed | None:
        """The smallest kept checkpoint that holds the entry at ``index``."""
        ...

    def decision(self, id: str) -> DecisionRecord | None:
        """A decision that was given out."""
        ...

    def unlogged(self, log: bytes, size: int) -> list[tuple[int, str]]:
        """Decisions that are kept with entries of a log below a size, none of which names them: index and id."""
        ...

    def members(self, decision: str) -> list[Member]:
        """The considered rows of a decision, by subject, without the erased ones."""
        ...

    def erased(self, decision: str) -> dict[int, bytes]:
        """What is left of a decision's erased rows: their leaves (32 bytes), by place among all its rows."""
        ...

    def decisions_on(
        self, subject: bytes, *, before: str = "", limit: int = 100
    ) -> list[tuple[DecisionRecord, Member]]:
        """Decisions that considered a subject, newest first; only those made before the one named ``before``."""
        ...

    def entries_of_decision(self, decision: str) -> list[StoredEntry]:
        """Entries that name a decision, its own first."""
        ...
