"""What is kept of cohorts over a register (``transparency.register``), so that proofs can be made later."""

from typing import NamedTuple, Protocol


class PagedBits(NamedTuple):
    """One cohort's bits over the register of a block. It names nobody: without the register's key no bit has an owner.

    Attributes:
        block_number: The register holds the subjects that were enrolled at this block.
        block_hash: Its hash, 32 bytes.
        considered: A bit for each place of the register, the first in the highest bit.
        permitted: The same.
        leaves: The leaves of the commitment's tree, 32 bytes each.
    """

    block_number: int
    block_hash: bytes
    considered: bytes
    permitted: bytes
    leaves: bytes


class RegisterStore(Protocol):
    """The bits of cohorts, by decision."""

    def keep(self, decision: str, bits: PagedBits) -> None:
        """Keep a cohort's bits; harmless when they are there."""
        ...

    def of(self, decision: str) -> PagedBits | None:
        """A cohort's bits; None where it was not committed to over a register."""
        ...
