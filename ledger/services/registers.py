"""Cohorts over a register: committing to everybody's bit, and opening one patient's, asked about or not.

A register holds all subjects that were enrolled at a block, in an order that follows from a secret and the block's hash
alone; so it is never kept, and made again from the mirror when a proof is asked for.

Invariants:

- What is kept names nobody (``ports.registers.PagedBits``).
- A proof is given only if it leads to the leaf that was committed to; where the copy of the chain says otherwise now,
  none is given.

Source: ``ledger.transparency.register``, docs/adr/0015
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, Protocol

from ledger.domain.events import Block
from ledger.domain.identifiers import to_hex
from ledger.domain.projection import Subject
from ledger.ports import MirrorStore
from ledger.ports.registers import PagedBits, RegisterStore
from ledger.transparency.register import BITS, PAGE, PagedCohort, PagedProof, Register, page_leaf
from ledger.transparency.tree import Tree

LEAST: Final = 11
"""Subjects of a cohort that is committed to over a register; no computation is run on fewer (``gate.plan``)."""
ALL_NEW: Final = 1 << 14
"""A register up to this size is made anew as soon as anybody is enrolled, so that everybody stands in it."""
SHARE_NEW: Final = 64
"""A larger one once one in so many came after it: to make it takes four seconds a million."""
_HASH: Final = 32


class Enrolled(Protocol):
    """What is needed of ``services.context.View``."""

    @property
    def block(self) -> Block:
        """The block whose facts it holds."""
        ...

    def subjects(self, custodian: bytes | None = None) -> list[bytes]:
        """Enrolled subjects."""
        ...


@dataclass(slots=True)
class _Made:
    """A register, the block that it is of, and who came until a later block, ``seen``."""

    number: int
    hash: bytes
    register: Register
    places: dict[bytes, int]
    seen: int
    seen_hash: bytes
    late: set[bytes] = field(default_factory=set)


class Registers:
    """Commits to cohorts over registers and proves out of them. Thread-safe.

    Args:
        store: Where the bits are kept.
        mirror: Who was enrolled when.
        secret: 32 secret bytes, always the same.
    """

    def __init__(self, store: RegisterStore, mirror: MirrorStore, secret: bytes) -> None:
        self._store: Final = store
        self._mirror: Final = mirror
        self._secret: Final = secret
        self._lock: Final = threading.Lock()
        self._current: _Made | None = None
        self._past: _Made | None = None

    def commit(
        self, view: Enrolled, decision: str, subjects: Sequence[bytes], permitted: Sequence[bool]
    ) -> dict[str, Any]:
        """Commit to a cohort and keep its bits.

        Args:
            view: What was decided from.
            decision: The decision's id, 0x-hex; fresh, and random.
            subjects: Who was considered.
            permitted: For each, whether it was permitted.

        Returns:
            What the decision's entry says: size and block of the register, and the commitment.
        """
        made = self._at(view)
        bits = [bytearray(-(-made.register.size // 8)) for _ in range(2)]
        later = []
        for subject, allowed in zip(subjects, permitted, strict=True):
            place = made.places.get(subject)
            if place is None:
                later.append((subject, allowed))
                continue
            for said in bits[: 1 + allowed]:
                said[place >> 3] |= 0x80 >> (place & 7)
        considered, allowed_bits = map(bytes, bits)
        cohort = PagedCohort(made.register, self._seed(decision), considered, allowed_bits, sorted(later))
        leaves = b"".join(cohort.leaves)
        self._store.keep(decision, PagedBits(made.number, made.hash, considered, allowed_bits, leaves))
        commitment = cohort.commitment
        return {
            "block": {"number": made.number, "hash": to_hex(made.hash)},
            "rows": made.register.size,
            "considered": commitment.considered,
            "leaves": commitment.leaves,
            "root": to_hex(commitment.root),
        }

    def prove(self, decision: str, subject: bytes) -> PagedProof | None:
        """A subject's bit in a cohort: permitted, refused, or not asked about.

        Returns:
            None where the cohort has no register, the subject was enrolled later, or its copy is not at hand any more.
        """
        bits = self._store.of(decision)
        if bits is None:
            return None
        made = self._of(bits)
        place = None if made is None else made.places.get(subject)
        if made is None or place is None:
            return None
        page, row = divmod(place, PAGE)
        _, row_salt, row_path = made.register.row(place)
        salt = PagedCohort.salt(self._seed(decision), page)
        part = slice(BITS * page, BITS * (page + 1))
        considered, permitted = (said[part].ljust(BITS, b"\x00") for said in (bits.considered, bits.permitted))
        rows = made.register.rows_on(page)
        leaves = [bits.leaves[at : at + _HASH] for at in range(0, len(bits.leaves), _HASH)]
        if page_leaf(salt, made.register.root(page), rows, considered, permitted) != leaves[page]:
            return None
        tree = Tree()
        tree.extend(leaves)
        path = tuple(tree.inclusion_proof(page))
        return PagedProof(subject, row, rows, row_salt, row_path, page, salt, considered, permitted, path)

    def _at(self, view: Enrolled) -> _Made:
        """The register to use for a view: the last one, while few came after it."""
        with self._lock:
            made, block = self._current, view.block
            if made is not None and self._holds(made.number, made.hash):
                self._see(made, block)
                size = made.register.size
                if len(made.late) <= (0 if size <= ALL_NEW else size // SHARE_NEW):
                    return made
            self._current = self._make(block.number, block.hash, view.subjects())
            return self._current

    def _see(self, made: _Made, block: Block) -> None:
        """Take in who came until a block; anew where the chain took back the one until which that was known."""
        if (made.seen, made.seen_hash) == (block.number, block.hash):
            return
        if not self._holds(made.seen, made.seen_hash):
            made.seen, made.late = made.number, set()
        elif made.seen > block.number:
            return
        changed = self._mirror.facts_changed(made.seen, block.number)
        made.late |= {fact.id for fact in changed if isinstance(fact, Subject) and fact.id not in made.places}
        made.seen, made.seen_hash = block.number, block.hash

    def _of(self, bits: PagedBits) -> _Made | None:
        """The register that a cohort was committed over."""
        with self._lock:
            for made in (self._current, self._past):
                if made is not None and (made.number, made.hash) == (bits.block_number, bits.block_hash):
                    return made
            if not self._holds(bits.block_number, bits.block_hash):
                return None
            facts = self._mirror.facts_at(bits.block_number)
            subjects = [fact.id for fact in facts if isinstance(fact, Subject)]
            self._past = self._make(bits.block_number, bits.block_hash, subjects)
            return self._past

    def _holds(self, number: int, block_hash: bytes) -> bool:
        held = self._mirror.block_at(number)
        return held is not None and held.hash == block_hash

    def _make(self, number: int, block_hash: bytes, subjects: Sequence[bytes]) -> _Made:
        key = blake2b(block_hash, digest_size=_HASH, key=self._secret, person=b"register").digest()
        ordered = sorted(subjects, key=lambda subject: blake2b(subject, digest_size=16, key=key).digest())
        places = {subject: place for place, subject in enumerate(ordered)}
        return _Made(number, block_hash, Register(key, b"".join(ordered)), places, number, block_hash)

    def _seed(self, decision: str) -> bytes:
        return blake2b(decision.encode(), digest_size=_HASH, key=self._secret, person=b"cohort").digest()
