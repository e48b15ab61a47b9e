"""What can be proved of a log's entries at this moment; a page never says more than was just computed.

Three claims, each computed anew: the entry's bytes are in the tree of the log; a head that the log signed covers it;
a head that the chain holds covers it, with the very root that the chain has.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from ledger.domain.audit import StoredEntry
from ledger.domain.projection import Head
from ledger.errors import ConsentryError, ProofInvalid
from ledger.services.context import Context
from ledger.transparency.checkpoint import Checkpoint, verify_checkpoint
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.proofs import verify_inclusion
from ledger.transparency.tree import inclusion_proof, root_at


class Claim(StrEnum):
    """What became of one claim."""

    HOLDS = "holds"
    FAILS = "fails"
    NOT_YET = "not yet"


@dataclass(frozen=True, slots=True)
class Proof:
    """What holds of one entry; ``detail`` says what fails.

    ``block`` is the block whose anchoring first covered the entry; ``path`` the inclusion proof to ``size`` and
    ``root``, the newest head that was used.
    """

    in_log: Claim
    signed: Claim
    on_chain: Claim
    detail: str
    block: int | None
    size: int
    root: bytes
    path: tuple[bytes, ...]

    @property
    def holds(self) -> bool:
        """Whether all three hold."""
        return {self.in_log, self.signed, self.on_chain} == {Claim.HOLDS}

    @property
    def fails(self) -> bool:
        """Whether any fails."""
        return Claim.FAILS in {self.in_log, self.signed, self.on_chain}


class Examiner:
    """Examines entries of one log, against its heads as they are now.

    Args:
        context: The ports.
        log: The log's id.
    """

    def __init__(self, context: Context, log: bytes) -> None:
        self._context = context
        self._log = log
        self._nodes = context.audit.nodes(log)
        self.heads: list[tuple[Head, int]] = [
            (head, logged.block_number) for head, logged in context.mirror.heads_of(log)
        ]
        self.problem = ""
        self.size = context.audit.size(log)
        self.checkpoint = self._verified()
        if self.heads and self.heads[-1][0].size > self.size:
            self.problem = f"the chain holds {self.heads[-1][0].size} entries, the log only {self.size}"
        self.chain_matches = bool(self.heads) and self._root_matches(self.heads[-1][0])

    @property
    def anchored(self) -> int:
        """Entries that the chain covers."""
        return self.heads[-1][0].size if self.heads else 0

    @cached_property
    def _root(self) -> bytes:
        return root_at(self._nodes, self.size)

    def examine(self, entry: StoredEntry) -> Proof:
        """Compute the three claims for one entry."""
        head = self.heads[-1][0] if self.heads else None
        covered = head is not None and entry.index < head.size
        size, root = self.size, b""
        try:
            if leaf_hash(entry.canonical) != entry.leaf:
                raise ProofInvalid("the stored bytes are not those that were hashed")
            if covered and head is not None:
                size, root = head.size, head.root
            else:
                root = self._root
            path = tuple(inclusion_proof(self._nodes, entry.index, size))
            verify_inclusion(entry.leaf, entry.index, size, path, root)
        except ConsentryError as problem:
            chain = Claim.FAILS if covered else Claim.NOT_YET
            return Proof(Claim.FAILS, Claim.FAILS, chain, str(problem), None, size, root, ())
        signed = Claim.NOT_YET
        if self.checkpoint is not None and entry.index < self.checkpoint.size:
            signed = Claim.HOLDS
        on_chain = Claim.NOT_YET
        if covered:
            on_chain = Claim.HOLDS if self.chain_matches else Claim.FAILS
        block = next((number for head, number in self.heads if entry.index < head.size), None)
        detail = "" if on_chain is not Claim.FAILS else "the chain holds another root for this log"
        return Proof(Claim.HOLDS, signed, on_chain, detail, block, size, root, path)

    def _verified(self) -> Checkpoint | None:
        kept = self._context.audit.checkpoint(self._log)
        if kept is None:
            return None
        try:
            found = verify_checkpoint(kept.note, self._context.log_keys.note_keys(self._log), self._log)
            if found.size > self.size or root_at(self._nodes, found.size) != found.root:
                raise ProofInvalid("the signed head is of another tree than the stored one")
        except ConsentryError as problem:
            self.problem = str(problem)
            return None
        return found

    def _root_matches(self, head: Head) -> bool:
        try:
            return head.size <= self.size and root_at(self._nodes, head.size) == head.root
        except ConsentryError as problem:
            self.problem = str(problem)
            return False
