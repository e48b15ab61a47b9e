"""The witnesses of the logs, and what they signed."""

from collections.abc import Callable
from typing import Protocol

from ledger.transparency.cosignature import WitnessKey


class CosignatureStore(Protocol):
    """Signature lines of witnesses under heads of logs."""

    def keep(self, log: bytes, size: int, witness: str, line: str) -> None:
        """Keep a line that was verified; harmless when the witness has one there already."""
        ...

    def lines(self, log: bytes, size: int) -> dict[str, str]:
        """The lines under a head, by witness."""
        ...

    def newest(self, log: bytes, witnesses: int) -> int | None:
        """The largest size that at least so many witnesses signed."""
        ...


class WitnessAsker(Protocol):
    """One witness of the settings."""

    @property
    def key(self) -> WitnessKey:
        """Its public key."""
        ...

    def cosign(self, origin: str, size: int, note: str, prove: Callable[[int], tuple[bytes, ...]]) -> str:
        """Its verified line under a checkpoint.

        Args:
            origin: The log's.
            size: The checkpoint's.
            note: The checkpoint, signed by its log.
            prove: The consistency proof from a smaller size to it.

        Raises:
            NotReady: It cannot be reached, or does not watch this log.
            ProofInvalid: It has signed another head of this log, or its line does not verify.
        """
        ...
