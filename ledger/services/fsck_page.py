"""A page of rows of a log, looked at by itself: all that a check does to every row.

What is seen of a page needs nothing but its rows, so pages may be looked at in any order, and in other processes. The
check itself takes in what was seen of them one page after the other (``fsck_rows``), and does the rest.

Reading an entry strictly costs ten times what everything else does that is done to a row. So an entry's fields are read
past the rest of it. Rows whose fields cannot be read so, or say another thing than what stands beside them, or tell of
what is kept beside the log, are handed over whole, to be read strictly.

Invariants:

- The leaf is recomputed of every row, and the root of a tile out of those leaves.
- Nothing is judged here: a row is plain, or it is handed over.
- A value of another type than its column's, which SQLite keeps, is named and stops nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from ledger.domain.audit import Kind
from ledger.domain.identifiers import parse_id, to_hex
from ledger.errors import InvalidInput
from ledger.transparency.hashing import HASH_SIZE, leaf_hashes, pair_up
from ledger.transparency.tiles import WIDTH

if TYPE_CHECKING:  # a process that only looks at pages starts in a fraction of the time without the other ports
    from ledger.ports import AuditStore, EntryRow

Access: TypeAlias = tuple[bytes, str, str]
"""What the chain recorded of an access: the entry's leaf, its study and its engine."""

TELLING = (Kind.DECISION, Kind.ERASURE)
"""Kinds of entries that tell of what is kept beside the log."""

STRETCH = 16 * WIDTH
"""Rows that are read in one go, from a multiple of it on: the pages of a log are the same, whoever looks at them."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class CloseRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row that is to be read strictly: its place in the page, and what it holds."""

    place: int
    index: int
    document: bytes
    decision: Any


class Page(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was seen of neighbouring rows.

    Attributes:
        first: The index of the first row.
        jumps: Each row that does not follow the one before it: its place in the page and its index.
        leaves: The recomputed leaves (32 bytes each), side by side.
        root: The root over them, where they are a tile; otherwise nothing.
        changed: The indices of rows that hold another leaf.
        times: The time that each row names; None where it could not be read.
        starts: Each row with a key or a count: its place in the page and these two.
        close: The rows that are to be read strictly.
        told: The indices of rows of whose accesses the chain tells.
        misstored: The indices of rows that hold a value of another kind than its column, each with what it is.
    """

    first: int
    jumps: list[tuple[int, int]]
    leaves: bytes
    root: bytes
    changed: list[int]
    times: list[int | None]
    starts: list[tuple[int, Any, Any]]
    close: list[CloseRow]
    told: list[int]
    misstored: list[tuple[int, str]]

    def leaf(self, place: int) -> bytes:
        """The recomputed leaf of the row at a place."""
        return self.leaves[place * HASH_SIZE : (place + 1) * HASH_SIZE]


Scan: TypeAlias = Callable[[bytes, int, Mapping[int, Access]], Iterator[Page]]
"""Looks at the rows of a log (its id) below a size, in order; told what the chain tells of accesses."""


def scan_here(audit: "AuditStore") -> Scan:
    """Look at rows in this process, a stretch at a time."""

    def scan(log: bytes, size: int, told: Mapping[int, Access]) -> Iterator[Page]:
        for first in range(0, size, STRETCH):
            yield from look(log, audit.rows(log, first, min(first + STRETCH, size), WIDTH), told)

    return scan


def look(log: bytes, pages: Iterable[Sequence["EntryRow"]], told: Mapping[int, Access]) -> Iterator[Page]:
    """Look at pages of one log's rows, each by itself.

    Args:
        log: The log's id.
        pages: Its rows, at least one a page, in the order of their indices.
        told: What the chain tells of accesses, by index; it may tell of more rows than these.
    """
    read = _facets_of(to_hex(log)).decode
    for rows in pages:
        columns = list(zip(*rows, strict=True))
        misstored: list[tuple[int, str]] = []
        if not _is_typed(columns):
            sound, misstored = readable(rows)
            columns = list(zip(*sound, strict=True))
        indices, documents, leaves, keys, counts, decisions = columns
        recomputed = leaf_hashes(documents)
        facets = _facets(read, documents)
        unlike = _unlike([one.index for one in facets], indices)
        unlike |= _unlike([id_of(one.decision) for one in facets], decisions)
        found = sorted(told.keys() & set(indices)) if told else []
        for index in found:
            place = indices.index(index)
            if told[index] != (recomputed[place], *_parties(documents[place])):
                unlike.add(place)
        dense = indices == tuple(range(indices[0], indices[0] + len(indices)))
        yield Page(
            first=indices[0],
            jumps=[] if dense else _jumps(indices),
            leaves=b"".join(recomputed),
            root=root_of(recomputed),
            changed=[indices[place] for place in _unlike(recomputed, leaves)],
            times=[one.time for one in facets],
            starts=_starts(keys, counts),
            close=[CloseRow(place, indices[place], documents[place], decisions[place]) for place in sorted(unlike)],
            told=found,
            misstored=misstored,
        )


_COLUMNS: Final[tuple[tuple[str, tuple[type, ...], Any], ...]] = (
    ("index", (int,), -1),
    ("canonical", (bytes,), b""),
    ("leaf", (bytes,), b""),
    ("key", (str, NoneType), None),
    ("count", (int, NoneType), None),
    ("decision", (bytes, NoneType), None),
)
"""For each column of a row its name, the types of its values, and what stands in for a value of another type."""
_LOOKED_AT: Final = (0, 1)
_SELDOM: Final = (3, 4)
"""The places of columns that are more than compared: of all rows, and of those that begin an append."""


def _is_typed(columns: Sequence[Sequence[Any]]) -> bool:
    """Whether the values of the columns that are more than compared are of their types; the others are found unlike."""
    seldom = [place for place in _SELDOM if columns[place].count(None) < len(columns[place])]
    return all({*map(type, columns[place])}.issubset(_COLUMNS[place][1]) for place in (*_LOOKED_AT, *seldom))


def readable(rows: Sequence["EntryRow"]) -> tuple[Sequence["EntryRow"], list[tuple[int, str]]]:
    """The rows with values that can be looked at, and what had to be replaced: SQLite keeps any in any column."""
    if _is_typed(list(zip(*rows, strict=True))):
        return rows, []
    sound, misstored = [], []
    for row in rows:
        index = row[0] if type(row[0]) is int else int(row[0])
        values: list[Any] = []
        for value, (name, kinds, other) in zip(row, _COLUMNS, strict=True):
            is_kind = type(value) in kinds
            values.append(value if is_kind else other)
            if not is_kind:
                misstored.append((index, f"its {name} is kept as {type(value).__name__}, which is not its type"))
        sound.append((index, *values[1:]))
    return sound, misstored


def root_of(leaves: list[bytes]) -> bytes:
    """The root over the leaves of a tile; nothing where they are fewer."""
    if len(leaves) != WIDTH:
        return b""
    row = leaves
    while len(row) > 1:
        row = pair_up(row)
    return row[0]


@lru_cache(4096)
def id_of(decision: str | None) -> bytes | None:
    """What the column holds of the decision that an entry names."""
    try:
        return None if decision is None else parse_id(decision)
    except InvalidInput:
        return None


class _Parties(msgspec.Struct, gc=False):
    """The fields of an entry that the chain repeats of an access."""

    study: str
    engine: str


class _Unread(msgspec.Struct, frozen=True, gc=False):
    """Stands for the fields of a row that is not plain: its index is no row's."""

    index: int = -1
    time: None = None
    decision: str = ""


_UNREAD = _Unread()
_PARTIES = msgspec.json.Decoder(_Parties)


@lru_cache(64)
def _facets_of(log: str) -> msgspec.json.Decoder[Any]:
    """A decoder of the fields that something outside of an entry repeats; it refuses other logs and telling kinds."""
    plain = tuple(kind.value for kind in Kind if kind not in TELLING)
    fields = [("index", int), ("time", int), ("decision", str | None), ("log", Literal[log]), ("kind", Literal[plain])]
    return msgspec.json.Decoder(msgspec.defstruct("Facets", fields, gc=False))


def _facets(read: Callable[[bytes], Any], documents: Iterable[bytes]) -> list[Any]:
    found = []
    for document in documents:
        try:
            found.append(read(document))
        except _UNREADABLE:
            found.append(_UNREAD)
    return found


def _parties(document: bytes) -> tuple[str, str] | tuple[()]:
    """The study and the engine that an entry names, if it names both."""
    try:
        said = _PARTIES.decode(document)
    except _UNREADABLE:
        return ()
    return said.study, said.engine


def _unlike(one: Sequence[object], other: Sequence[object]) -> set[int]:
    """The places at which two rows of values differ."""
    if list(one) == list(other):
        return set()
    return {place for place, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]}


def _jumps(indices: Sequence[int]) -> list[tuple[int, int]]:
    return [(place, index) for place, (before, index) in enumerate(pairwise(indices), 1) if index != before + 1]


def _starts(keys: Sequence[Any], counts: Sequence[Any]) -> list[tuple[int, Any, Any]]:
    if keys.count(None) + counts.count(None) == 2 * len(keys):
        return []
    pairs = enumerate(zip(keys, counts, strict=True))
    return [(place, key, count) for place, (key, count) in pairs if (key, count) != (None, None)]
