"""The clock and the randomness that services are given."""

from typing import Protocol


class Clock(Protocol):
    """The time of day."""

    def now(self) -> int:
        """Seconds UTC."""
        ...


class Entropy(Protocol):
    """Fresh randomness, fit for keys and salts."""

    def token(self, size: int) -> bytes:
        """``size`` random bytes."""
        ...
