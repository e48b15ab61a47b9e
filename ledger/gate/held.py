"""Results that are kept back: read only when their run is completed, which means that its entry is in the log."""

from collections.abc import Callable
from enum import Enum
from typing import Final, Generic, TypeVar

from ledger.errors import ConsentDenied, NotReady

_Value = TypeVar("_Value")


class State(Enum):
    """Where a run stands; only ``COMPLETED`` releases what is held."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    WITHHELD = "withheld"


class Held(Generic[_Value]):
    """A result that is read only once its run is completed."""

    def __init__(self, name: str, value: _Value, state: Callable[[], State]) -> None:
        self.name: Final = name
        self._value = value
        self._state = state

    @property
    def value(self) -> _Value:
        """The result.

        Raises:
            NotReady: The run's ``completed`` entry is not in the log yet: leave the ``with`` block first.
            ConsentDenied: The run was withheld or failed; the result is not released.
        """
        state = self._state()
        if state is State.COMPLETED:
            return self._value
        if state is State.RUNNING:
            raise NotReady(f"{self.name} is released when the run's completed entry is in the log, not before")
        raise ConsentDenied(f"{self.name} is not released: the run was {state.value}")

    def __repr__(self) -> str:
        return f"Held({self.name!r})"
