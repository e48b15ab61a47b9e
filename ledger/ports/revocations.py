"""The feed of revocations, and who is sent it."""

from collections.abc import Sequence
from typing import Protocol

from ledger.domain.revocation import Followed, Revocation, Told, Webhook


class RevocationStore(Protocol):
    """The feed: lines that are only added, in an order that all readers see alike."""

    def followed(self) -> Followed:
        """How far outbox and chain were followed."""
        ...

    def tell(self, revocations: Sequence[Revocation], *, before: Followed, now: Followed) -> bool:
        """Add lines and move on; False, and nothing added, where another process moved on from ``before`` first."""
        ...

    def after(self, number: int, limit: int) -> list[Told]:
        """Lines with a higher number, in order."""
        ...

    def newest(self) -> int:
        """The number of the newest line, 0 when there is none; cheap enough to ask again and again."""
        ...

    def accepted(self, digests: Sequence[bytes]) -> list[Revocation]:
        """The accepted lines of acts, by their digests."""
        ...


class WebhookStore(Protocol):
    """Who is sent the feed."""

    def add(self, hook: Webhook) -> None:
        """Add one."""
        ...

    def put(self, hook: Webhook) -> None:
        """Put one in the place of the one with its id; nothing happens where it was removed."""
        ...

    def remove(self, id: bytes) -> None:
        """Remove one."""
        ...

    def of(self, role: str, owner: bytes) -> list[Webhook]:
        """Somebody's, oldest first."""
        ...

    def due(self, at: int) -> list[Webhook]:
        """Those that are not dead and due."""
        ...
