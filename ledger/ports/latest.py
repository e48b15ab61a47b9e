"""What is the latest that counts against a request and that the chain does not show."""

from typing import NamedTuple, Protocol


class Latest(NamedTuple):
    """The newest of what was accepted.

    Attributes:
        act: The sequence of the outbox's newest item, 0 where there is none.
        erasure: The number of the newest erasure, 0 where there is none.
    """

    act: int
    erasure: int


class LatestStore(Protocol):
    """Tells it, of all processes that share the database."""

    def now(self) -> Latest:
        """The latest, all of it that was durable before the call included; cheap enough to ask at every decision.

        Raises:
            NotReady: It cannot be told.
        """
        ...
