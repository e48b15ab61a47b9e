"""The commitment to a cohort: who was considered, and who was permitted, without saying either.

A leaf is SHA-256(0x00 || salt (16 bytes) || subject id (32 bytes) || outcome (1 permit, 2 deny)); the leaves stand in
the order of the subject ids under an RFC 9162 tree. Whoever has the root can be shown one subject's row and nothing
about any other.

Invariants:

- Every considered subject has exactly one leaf, permitted or denied, with a fresh salt of its own. Without its salt a
  leaf cannot be guessed from a list of subject ids; once the salt is erased it says nothing any more.
- The root does not depend on the order in which rows are given.

What it does not show: that a subject was not considered at all, and that no second row of theirs stands elsewhere in
the tree. For both, an auditor needs all the rows, and rebuilds the root.

Source: https://www.rfc-editor.org/rfc/rfc9162#section-2.1
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ledger.errors import InvalidInput, NotFound, ProofInvalid
from ledger.transparency.hashing import is_hash
from ledger.transparency.proofs import verify_inclusion
from ledger.transparency.tree import Tree

SALT_SIZE = 16
PERMIT = 1
DENY = 2
"""The outcome byte; the numbers of ``ledger.domain.decision.Outcome``."""

_NONE: Final[Mapping[int, bytes]] = {}
_OUTCOMES: Final = {True: bytes([PERMIT]), False: bytes([DENY])}


@dataclass(frozen=True, slots=True)
class CohortCommitment:
    """What is published of a cohort.

    Attributes:
        size: Number of subjects considered.
        root: Root over their leaves, 32 bytes.
    """

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class CohortProof:
    """One subject's row, and its way to the root.

    Attributes:
        subject: Subject id, 32 bytes.
        permitted: Whether the subject was permitted; otherwise it was denied.
        salt: The row's salt, 16 bytes.
        index: Index of the leaf.
        path: Inclusion proof, hashes of 32 bytes.
    """

    subject: bytes
    permitted: bool
    salt: bytes
    index: int
    path: tuple[bytes, ...]


def cohort_leaf(salt: bytes, subject: bytes, *, permitted: bool) -> bytes:
    """The leaf hash (32 bytes) of one row.

    Raises:
        InvalidInput: The salt is not 16 bytes or the subject not 32.
    """
    if len(salt) != SALT_SIZE or not is_hash(subject):
        raise InvalidInput("a cohort row has a salt of 16 bytes and a subject id of 32")
    return sha256(b"\x00" + salt + subject + _OUTCOMES[permitted]).digest()


class Cohort:
    """The considered rows of one decision, in order, with their tree.

    Args:
        subjects: Subject ids, 32 bytes each, no id twice, in any order.
        permitted: For each subject, whether it was permitted.
        salts: For each subject 16 fresh random bytes, all in one string.
        erased: The leaves (32 bytes) of rows whose subject, salt and outcome are gone, by place among all rows.

    Raises:
        InvalidInput: The lengths differ, an id is malformed or stands twice, or an erased row has no such place.
    """

    def __init__(
        self, subjects: Sequence[bytes], permitted: Sequence[bool], salts: bytes, erased: Mapping[int, bytes] = _NONE
    ) -> None:
        if len(permitted) != len(subjects) or len(salts) != SALT_SIZE * len(subjects):
            raise InvalidInput(f"{len(subjects)} subjects need as many outcomes, and 16 bytes of salt each")
        order = sorted(range(len(subjects)), key=subjects.__getitem__)
        self._subjects: Final = [subjects[i] for i in order]
        self._outcomes: Final = [_OUTCOMES[bool(permitted[i])] for i in order]
        self._salts: Final = [salts[SALT_SIZE * i : SALT_SIZE * (i + 1)] for i in order]
        if not all(map(is_hash, subjects)) or len(set(subjects)) != len(subjects):
            raise InvalidInput("a subject id is 32 bytes and stands in a cohort once")
        rows = zip(self._salts, self._subjects, self._outcomes, strict=True)
        leaves = [sha256(b"\x00" + salt + subject + outcome).digest() for salt, subject, outcome in rows]
        for place in sorted(erased):
            if not 0 <= place <= len(leaves) or not is_hash(erased[place]):
                raise InvalidInput(f"an erased row is a leaf of 32 bytes at its place; {place} is none of this cohort")
            leaves.insert(place, erased[place])
        self._places: Final = [place for place in range(len(leaves)) if place not in erased]
        self._tree: Final = Tree()
        self._tree.extend(leaves)

    @property
    def commitment(self) -> CohortCommitment:
        """What is published."""
        return CohortCommitment(self._tree.size, self._tree.root())

    def prove(self, subject: bytes) -> CohortProof:
        """The proof that ``subject`` was, or was not, in the permitted set.

        Raises:
            NotFound: The subject was not considered.
        """
        row = bisect_left(self._subjects, subject)
        if row == len(self._subjects) or self._subjects[row] != subject:
            raise NotFound("the subject is not among those that the cohort considered, or its row was erased")
        place = self._places[row]
        path = tuple(self._tree.inclusion_proof(place))
        return CohortProof(subject, self._outcomes[row] == _OUTCOMES[True], self._salts[row], place, path)


def verify_cohort(proof: CohortProof, commitment: CohortCommitment) -> None:
    """Checks that the row of ``proof`` is in the cohort; then its ``permitted`` is what was decided.

    Raises:
        ProofInvalid: It does not hold.
    """
    try:
        leaf = cohort_leaf(proof.salt, proof.subject, permitted=proof.permitted)
    except InvalidInput as error:
        raise ProofInvalid(f"cohort proof: {error}") from error
    verify_inclusion(leaf, proof.index, commitment.size, proof.path, commitment.root)
