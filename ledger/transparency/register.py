"""The commitment to a cohort of millions: bits over a register of subjects, hashed by the thousand.

The register is made once for a set of subjects, in a secret order: pages of 4,096 rows, and a page's root is the RFC
9162 tree over its rows' leaves, SHA-256(0x00 || salt (16 bytes) || subject id (32 bytes)). A cohort then hashes no
subject at all. Its leaves are

- one a page: SHA-256(0x00 || salt (16) || page root (32) || rows on the page (2, big-endian) || considered (512) ||
  permitted (512)), where the last two hold a bit a row, the first row in the highest bit;
- one for each subject that came after the register was made, in the form of ``transparency.cohort``;

in this order under one RFC 9162 tree. Whoever has the root can be shown one subject's page: its own row is opened, the
others stay salted hashes. The bits of the other 4,095 are seen, and whose they are is not.

Invariants:

- A row is permitted only if it is considered; a proof that says otherwise is refused.
- A subject of the register gets a proof in every case: permitted, denied, or not asked about.
- No two kinds of leaf have the same length, so none passes for another.

What it does not show: that no second row of a subject stands elsewhere. For that an auditor rebuilds the root.

Source: https://www.rfc-editor.org/rfc/rfc9162#section-2.1, docs/adr/0015
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256, shake_128
from typing import Final, Protocol

from ledger.errors import InvalidInput, NotFound, ProofInvalid
from ledger.transparency.cohort import SALT_SIZE, cohort_leaf
from ledger.transparency.hashing import is_hash
from ledger.transparency.proofs import root_from_inclusion, verify_inclusion
from ledger.transparency.tree import Tree, root_of

PAGE: Final = 4_096
"""Rows on a page: also how many others a subject's bit is seen among."""
BITS: Final = PAGE // 8
ID: Final = 32
SEED_SIZE: Final = 32


class Ids(Protocol):
    """Ids of 32 bytes, one after the other: bytes, or what can be cut as bytes are."""

    def __len__(self) -> int:
        """How many bytes."""
        ...

    def __getitem__(self, part: slice, /) -> bytes:
        """Some of them."""
        ...


class Register:
    """Subjects in a secret order, and the roots of their pages.

    Args:
        key: 32 secret bytes; the rows' salts follow from it.
        ids: The subjects' ids in their order, 32 bytes each, one after the other.

    Raises:
        InvalidInput: The key is too short, or the ids are not whole.
    """

    def __init__(self, key: bytes, ids: Ids) -> None:
        if len(key) < SEED_SIZE or len(ids) % ID:
            raise InvalidInput("a register needs a key of 32 bytes and whole ids of 32 bytes")
        self._key: Final = key
        self._ids: Final = ids
        self.size: Final = len(ids) // ID
        self.pages: Final = -(-self.size // PAGE)

    @cached_property
    def roots(self) -> list[bytes]:
        """The roots of all pages: four seconds a million, the first time."""
        return [self.root(page) for page in range(self.pages)]

    def root(self, page: int) -> bytes:
        """The root of one page."""
        return root_of(self._leaves(page))

    def rows_on(self, page: int) -> int:
        """How many rows a page has: 4,096, the last one perhaps fewer."""
        return min(PAGE, self.size - PAGE * page)

    def row(self, place: int) -> tuple[bytes, bytes, tuple[bytes, ...]]:
        """A subject's id, its row's salt, and the way from its leaf to its page's root."""
        page, index = divmod(place, PAGE)
        tree = Tree()
        tree.extend(self._leaves(page))
        salt = self._salts(page)[SALT_SIZE * index : SALT_SIZE * (index + 1)]
        return self._ids[ID * place : ID * (place + 1)], salt, tuple(tree.inclusion_proof(index))

    def _salts(self, page: int) -> bytes:
        return shake_128(self._key + page.to_bytes(8, "big")).digest(SALT_SIZE * self.rows_on(page))

    def _leaves(self, page: int) -> list[bytes]:
        salts, ids = self._salts(page), self._ids[ID * PAGE * page : ID * PAGE * (page + 1)]
        return [
            sha256(b"\x00" + salts[SALT_SIZE * row : SALT_SIZE * (row + 1)] + ids[ID * row : ID * (row + 1)]).digest()
            for row in range(len(ids) // ID)
        ]


@dataclass(frozen=True, slots=True)
class PagedCommitment:
    """What is published of a cohort over a register.

    Attributes:
        considered: Number of subjects considered.
        leaves: Leaves of the tree: the register's pages and the subjects that came later.
        root: Root over them, 32 bytes.
    """

    considered: int
    leaves: int
    root: bytes


@dataclass(frozen=True, slots=True)
class PagedProof:
    """One subject's row on its page, and the page's way to the root.

    Attributes:
        subject: Subject id, 32 bytes.
        row: Its place on the page.
        rows: How many the page has.
        row_salt: The row's salt, 16 bytes.
        row_path: From the row to the page's root, hashes of 32 bytes.
        page: The page's leaf in the tree.
        page_salt: The page's salt in this cohort, 16 bytes.
        considered: Who on the page was considered, 512 bytes.
        permitted: Who of them was permitted, 512 bytes.
        path: From the page to the root, hashes of 32 bytes.
    """

    subject: bytes
    row: int
    rows: int
    row_salt: bytes
    row_path: tuple[bytes, ...]
    page: int
    page_salt: bytes
    considered: bytes
    permitted: bytes
    path: tuple[bytes, ...]


class PagedCohort:
    """A cohort over a register.

    Args:
        register: The subjects, by place.
        seed: 32 fresh random bytes; the pages' salts follow from it.
        considered: A bit for each place of the register, the first in the highest bit, filled up with zeros.
        permitted: The same; nobody who is not considered.
        later: Subjects that were considered and are not in the register, each with whether it is permitted.

    Raises:
        InvalidInput: A length is wrong.
    """

    def __init__(
        self,
        register: Register,
        seed: bytes,
        considered: bytes,
        permitted: bytes,
        later: Sequence[tuple[bytes, bool]] = (),
    ) -> None:
        if len(seed) < SEED_SIZE or not len(considered) == len(permitted) == -(-register.size // 8):
            raise InvalidInput(f"{register.size} places need as many bits, twice, and a seed of 32 bytes")
        pages = register.pages
        self._register: Final = register
        self._salts: Final = shake_128(seed).digest(SALT_SIZE * (pages + len(later)))
        self._considered: Final = considered
        self._permitted: Final = permitted
        leaves = self._full_pages()
        if pages:
            leaves.append(page_leaf(*self._page(pages - 1)))
        for place, (subject, allowed) in enumerate(later, start=pages):
            leaves.append(cohort_leaf(self._salt(place), subject, permitted=allowed))
        self.leaves: Final = leaves
        """The leaves (32 bytes) of the tree."""
        count = int.from_bytes(considered, "big").bit_count() + len(later)
        self.commitment: Final = PagedCommitment(count, len(leaves), root_of(leaves))
        """What is published."""

    def prove(self, place: int) -> PagedProof:
        """The proof of what was decided on the subject at a place of the register.

        Raises:
            NotFound: There is no such place.
        """
        if not 0 <= place < self._register.size:
            raise NotFound(f"the register has {self._register.size} places; {place} is none of them")
        page, row = divmod(place, PAGE)
        subject, row_salt, row_path = self._register.row(place)
        salt, _, rows, considered, permitted = self._page(page)
        tree = Tree()
        tree.extend(self.leaves)
        path = tuple(tree.inclusion_proof(page))
        return PagedProof(subject, row, rows, row_salt, row_path, page, salt, considered, permitted, path)

    @staticmethod
    def salt(seed: bytes, leaf: int) -> bytes:
        """The salt (16 bytes) of a leaf, which follows from the cohort's seed."""
        return shake_128(seed).digest(SALT_SIZE * (leaf + 1))[SALT_SIZE * leaf :]

    def _salt(self, leaf: int) -> bytes:
        return self._salts[SALT_SIZE * leaf : SALT_SIZE * (leaf + 1)]

    def _full_pages(self) -> list[bytes]:
        """The leaves of all pages but the last: as ``page_leaf``, in half the time."""
        salts, considered, permitted, rows = self._salts, self._considered, self._permitted, PAGE.to_bytes(2, "big")
        return [
            sha256(
                b"".join(
                    (
                        b"\x00",
                        salts[SALT_SIZE * page : SALT_SIZE * (page + 1)],
                        root,
                        rows,
                        considered[BITS * page : BITS * (page + 1)],
                        permitted[BITS * page : BITS * (page + 1)],
                    )
                )
            ).digest()
            for page, root in enumerate(self._register.roots[:-1])
        ]

    def _page(self, page: int) -> tuple[bytes, bytes, int, bytes, bytes]:
        part = slice(BITS * page, BITS * (page + 1))
        return (
            self._salt(page),
            self._register.roots[page],
            self._register.rows_on(page),
            self._considered[part].ljust(BITS, b"\x00"),
            self._permitted[part].ljust(BITS, b"\x00"),
        )


def page_leaf(salt: bytes, root: bytes, rows: int, considered: bytes, permitted: bytes) -> bytes:
    """The leaf hash (32 bytes) of a page.

    Raises:
        InvalidInput: Something is not of its length.
    """
    if (len(salt), len(considered), len(permitted)) != (SALT_SIZE, BITS, BITS) or not is_hash(root):
        raise InvalidInput("a page has a salt of 16 bytes, a root of 32, and twice 512 bytes of bits")
    if not 0 < rows <= PAGE:
        raise InvalidInput(f"a page has 1 to {PAGE} rows")
    return sha256(b"".join((b"\x00", salt, root, rows.to_bytes(2, "big"), considered, permitted))).digest()


def verify_paged(proof: PagedProof, commitment: PagedCommitment) -> bool | None:
    """What was decided on the subject of ``proof``: True permitted, False denied, None not asked about.

    Raises:
        ProofInvalid: The proof does not hold.
    """
    if len(proof.row_salt) != SALT_SIZE or not is_hash(proof.subject):
        raise ProofInvalid("cohort proof: a row has a salt of 16 bytes and a subject id of 32")
    row = sha256(b"\x00" + proof.row_salt + proof.subject).digest()
    root = root_from_inclusion(row, proof.row, proof.rows, proof.row_path)
    try:
        leaf = page_leaf(proof.page_salt, root, proof.rows, proof.considered, proof.permitted)
    except InvalidInput as error:
        raise ProofInvalid(f"cohort proof: {error}") from error
    verify_inclusion(leaf, proof.page, commitment.leaves, proof.path, commitment.root)
    considered, permitted = (_bit(bits, proof.row) for bits in (proof.considered, proof.permitted))
    if permitted and not considered:
        raise ProofInvalid("cohort proof: the page permits a row that it did not consider")
    return permitted if considered else None


def _bit(bits: bytes, place: int) -> bool:
    return bool(bits[place >> 3] & (0x80 >> (place & 7)))
