"""The SQL copy of the chain."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.domain.consent import Consent
from ledger.domain.directory import Dataset
from ledger.domain.events import Block, Event, Logged
from ledger.domain.policy import Request, Setting
from ledger.domain.projection import Access, Authority, Fact, Facts, Head, Key

ReadEvent = Callable[[tuple[bytes, ...], bytes], Event]
"""The event of a raw log, of its topics and its data; raises MirrorDiverged where they are none of the contracts'."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the mirror has come: the last block taken in, and the digest of all facts up to it."""

    block: Block
    digest: bytes


@dataclass(frozen=True, slots=True)
class Interval:
    """A fact with the blocks in which it held: ``[since, until)``; until None: still.

    ``since == until``: a later event of the same block replaced it. ``place`` is the log index of the event of block
    ``since`` that made it.
    """

    fact: Fact
    since: int
    until: int | None
    place: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may write the mirror until when (seconds UTC), and the fencing number that was given out with it."""

    holder: str
    fence: int
    expires_at: int


class MirrorStore(Facts, Protocol):
    """The SQL copy of the chain. The lookups of ``Facts`` answer as of the last block taken in."""

    def lease(self, holder: str, *, at: int, seconds: int) -> int:
        """Take or renew the writer's lease; returns its fencing number. Raises WrongState when another holds it."""
        ...

    def release(self, *, fence: int) -> None:
        """Give the lease with this number back, so that another can have it at once; nothing where it is over."""
        ...

    def writer(self) -> Lease | None:
        """Who has, or last had, the writer's lease; None before the first writer."""
        ...

    def cursor(self) -> Cursor | None:
        """How far the mirror has come; None before the first block."""
        ...

    def take(self, blocks: Sequence[Block], events: Sequence[Logged], *, fence: int, expect: Cursor | None) -> Cursor:
        """Write events, facts, blocks and cursor of consecutive blocks in one transaction.

        Raises WrongState when the cursor or the fence moved meanwhile.
        """
        ...

    def roll_back(self, to: int, *, fence: int) -> Cursor | None:
        """Forget every block above ``to`` and reopen what they closed."""
        ...

    def block_at(self, number: int) -> Block | None:
        """The block that the mirror took in at this height."""
        ...

    def subjects(self, custodian: bytes | None = None) -> list[bytes]:
        """Enrolled subjects (of a custodian), by id, as of the last block taken in."""
        ...

    def facts_at(self, block: int) -> Iterator[Fact]:
        """Every fact that held at a block."""
        ...

    def count_at(self, block: int) -> int:
        """How many facts held at a block."""
        ...

    def facts_changed(self, since: int, until: int) -> Iterator[Fact]:
        """Facts that began in blocks ``since < number <= until``, the last of each key."""
        ...

    def facts_revoking(self, since: int, until: int) -> Iterator[Fact]:
        """Of ``facts_changed`` the refusals, and the consents that may have taken something back.

        Those are all but first permits (``revocation.confirmed``).
        """
        ...

    def setting_at(self, request: Request, block: int) -> Setting:
        """What the Directory said of a request at a block."""
        ...

    def consents_at(self, subject: bytes, block: int) -> tuple[Consent, ...] | None:
        """A subject's consents at a block; None when not enrolled then."""
        ...

    def datasets_at(self, block: int) -> tuple[Dataset, ...]:
        """Every dataset that was registered at a block, closed ones too."""
        ...

    def custodian_of(self, subject: bytes) -> bytes | None:
        """The custodian that enrolled a subject, which never changes; None when it is not enrolled."""
        ...

    def find(self, kind: str, keys: Sequence[tuple[bytes, ...]]) -> list[Fact | None]:
        """The current fact of each key (the values of ``projection.key_of``), in order, in one question."""
        ...

    def history(self, kind: str, first: bytes, second: bytes | None = None) -> list[Interval]:
        """All versions of the facts of a kind (see projection.key_of) with these identifying values, oldest first."""
        ...

    def current(self, kind: str) -> list[Fact]:
        """All current facts of a kind."""
        ...

    def authorities(self, subject: bytes) -> list[Authority]:
        """The subject's signers, ended ones too."""
        ...

    def head_of(self, log: bytes) -> Head | None:
        """The last anchored head that the mirror has seen."""
        ...

    def heads_of(self, log: bytes) -> list[tuple[Head, Logged]]:
        """All anchored heads of a log, oldest first, each with its event."""
        ...

    def accesses_of(self, log: bytes) -> list[tuple[Access, Logged]]:
        """All access events of a log, by index."""
        ...

    def events_for(self, kind: str, first: bytes, second: bytes | None = None) -> list[Logged]:
        """The raw events that made the facts of a key, oldest first."""
        ...

    def interval_of(self, fact: Fact) -> Interval | None:
        """The current interval of a fact's key."""
        ...

    def keys(self) -> Iterator[Key]:
        """The key of every current fact."""
        ...

    def blocks_in(self, first: int, last: int) -> list[Cursor]:
        """The blocks taken in with ``first <= number <= last``, in order, each with its digest."""
        ...

    def events_in(self, first: int, last: int) -> list[Logged]:
        """The raw events of those blocks, in chain order."""
        ...

    def intervals_in(self, first: int, last: int) -> list[Interval]:
        """Every version of every fact that began in those blocks, the versions of one key in chain order."""
        ...
