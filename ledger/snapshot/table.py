"""The table of the snapshot: subjects by number, the first consent of each beside it, further ones behind it.

Each state of the table is one block's. States share all memory; ``rows`` says how. The order of the subjects that a
table was built from is secret and says nothing of them (``tags``): proofs over their places need that.

Invariants: what a ``State`` shows never changes; a state is made from the last one, or from a copy (``branch``).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from struct import iter_unpack
from typing import Final, NamedTuple

import numpy as np

from ledger.domain.consent import Consent, ConsentState
from ledger.domain.projection import Subject
from ledger.errors import MirrorDiverged
from ledger.snapshot.columns import Array, Column
from ledger.snapshot.index import ID, Index, PackedIds
from ledger.snapshot.profiles import NOTHING, Profiles
from ledger.snapshot.rows import ALIVE, ALWAYS, MOST_VERSION, NEVER, NO_ROW, Rows
from ledger.transparency.register import Register

UNKNOWN_CUSTODIAN: Final = 0
"""Of a consent whose subject was never enrolled."""
_AT_ONCE: Final = 1 << 16
_UNFINISHED: Final = -1
"""No state: if the facts break off, the last state goes on from a copy."""


class Custodians:
    """The custodians by number."""

    def __init__(self) -> None:
        self.numbers: dict[bytes, int] = {}
        self.names: list[bytes] = [b""]

    def number(self, custodian: bytes) -> int:
        """The number of a custodian, a new one where it has none."""
        number = self.numbers.get(custodian)
        if number is None:
            number = len(self.names)
            self.names.append(custodian)
            self.numbers[custodian] = number
        return number


class Shared(NamedTuple):
    """What the states of one table share."""

    key: bytes
    profiles: Profiles
    custodians: Custodians
    built: int
    """Subjects that the table was built from; their first consent stands in ``first`` at their own number."""
    finder: Index
    first: Rows
    more: Rows
    late: dict[bytes, int]
    """The numbers of subjects that came later."""
    ids: Column
    """The ids of the subjects that came later, in order."""
    custodian: Column
    tags: Column
    head: Column
    """The newest row of each subject in ``more``; ``next`` leads to the one before."""
    next: Column
    owner: Column
    register: list[Register]
    """The register of the subjects that the table was built from, once somebody needed it."""
    surplus: int
    """Rows of ``more`` that the table was built with."""
    tip: list[int]
    """The number of the last state, which alone can be followed by another, and of rows in ``more``."""


class OnlyRows(NamedTuple):
    """Of some subjects the rows of those with at most one.

    Attributes:
        simple: For each subject asked about, whether it has at most one; the rest is about these, in order.
        alive: Whether it has one; else its row means nothing.
        profile: As in ``Rows``, and so on.
        since: Start of its validity.
        until: End of its validity.
        version: The consent's version.
        ids: The consent's id.
    """

    simple: Array
    alive: Array
    profile: Array
    since: Array
    until: Array
    version: Array
    ids: Array


@dataclass(frozen=True, slots=True)
class State:
    """The table as of one block: its first ``subjects`` subjects, and the first ``extra`` rows of ``more``."""

    shared: Shared
    number: int
    subjects: int
    extra: int

    def find(self, subject: bytes) -> int | None:
        """The number of a subject."""
        place = self.shared.finder.find(subject)
        if place is None and self.shared.late:
            place = self.shared.late.get(subject, self.subjects)
            return place if place < self.subjects else None
        return place

    def find_all(self, subjects: Sequence[bytes]) -> Array:
        """The numbers of many subjects; -1 where one is not known."""
        packed = np.frombuffer(b"".join(subjects), np.uint64).reshape(-1, ID // 8)
        places = self.shared.finder.find_all(subjects, packed)
        if self.shared.late:
            for at in np.flatnonzero(places < 0).tolist():
                place = self.shared.late.get(subjects[at], self.subjects)
                if place < self.subjects:
                    places[at] = place
        return places

    def advance(self, facts: Iterable[Consent | Subject]) -> "State":
        """The next state; each fact is the last of its key."""
        state = self if self.shared.tip[0] == self.number else self.branch()
        shared, number = state.shared, state.number + 1
        subjects, extra = state.subjects, state.extra
        shared.tip[0] = _UNFINISHED
        for fact in facts:
            if isinstance(fact, Subject):
                place = _place(shared, fact.id, subjects)
                if place < self.subjects:  # its consents were there first; earlier states do not know it as enrolled
                    shared = shared._replace(custodian=shared.custodian.copy())
                shared.custodian.array[place] = shared.custodians.number(fact.custodian)
                subjects = max(subjects, place + 1)
                continue
            place = _place(shared, fact.subject, subjects)
            subjects = max(subjects, place + 1)
            if place < shared.built:
                shared.finder.change(place)
            for rows, row in State(shared, number, subjects, extra).rows_of(place):
                if rows.id(row) == fact.id:
                    rows.dead.array[row] = number
            compiled = compile_row(shared.profiles, fact)
            if compiled is not None:
                shared.more.put(extra, *compiled, whole_id(fact.id))
                shared.next.reserve(extra + 1)
                shared.owner.reserve(extra + 1)
                shared.next.array[extra] = shared.head.array[place]
                shared.owner.array[extra] = place
                shared.head.array[place] = extra
                extra += 1
                shared.tip[1] = extra
        shared.tip[0] = number
        return State(shared, number, subjects, extra)

    def rows_of(self, place: int) -> Sequence[tuple[Rows, int]]:
        """The living rows of a subject."""
        shared, number = self.shared, self.number
        first, row = shared.first, shared.head.view[place]
        is_first = place < shared.built and number < first.dead.view[place] and first.profile.view[place] != NOTHING
        if row == NO_ROW:
            return ((first, place),) if is_first else ()
        found = [(first, place)] if is_first else []
        more = shared.more
        while row != NO_ROW:
            if row < self.extra and number < more.dead.view[row]:
                found.append((more, row))
            row = shared.next.view[row]
        return found

    def only_rows(self, places: Array) -> "OnlyRows":
        """The living row of each subject that has at most one, and who has."""
        shared = self.shared
        head = shared.head.array[places]
        in_first = places < shared.built
        in_first[in_first] = self._lives(shared.first, places[in_first])
        behind = np.flatnonzero(head != NO_ROW)
        row = head[behind]
        known = row < self.extra  # a later state may have put rows before the one that is meant
        alone = known.copy()
        alone[known] = shared.next.array[row[known]] == NO_ROW
        alone &= ~in_first[behind]
        simple = np.ones(len(places), bool)
        simple[behind[~alone]] = False
        in_more = np.zeros(len(places), bool)
        in_more[behind[alone]] = self._lives(shared.more, row[alone])
        in_first &= simple

        def chosen(first: Column, more: Column) -> Array:
            values = np.zeros((len(places), *first.array.shape[1:]), first.array.dtype)
            values[in_first], values[in_more] = first.array[places[in_first]], more.array[head[in_more]]
            return values[simple]

        pairs = zip(shared.first.values(), shared.more.values(), strict=True)
        return OnlyRows(simple, (in_first | in_more)[simple], *(chosen(*pair) for pair in pairs))

    def _lives(self, rows: Rows, places: Array) -> Array:
        living: Array = (rows.dead.array[places] > self.number) & (rows.profile.array[places] != NOTHING)
        return living

    def custodian_of(self, subject: bytes) -> bytes:
        """The custodian of an enrolled subject."""
        place = self.find(subject)
        assert place is not None
        return self.shared.custodians.names[self.shared.custodian.view[place]]

    def id(self, place: int) -> bytes:
        """The id of a subject."""
        built = self.shared.built
        if place < built:
            return self.shared.finder.id(place)
        return self.shared.ids.view[ID * (place - built) : ID * (place - built + 1)].tobytes()

    def ids(self, chosen: Array) -> bytearray:
        """The ids, 32 bytes each and end to end, of chosen subjects, in the order of their numbers.

        Args:
            chosen: A yes or no (bool) for each number.
        """
        built = self.shared.built
        packed = bytearray(ID * int(np.count_nonzero(chosen)))
        at = 0
        for part in self._chosen(chosen[:built], chosen[built:]):
            packed[at : at + part.nbytes] = part.view(np.uint8).data
            at += part.nbytes
        return packed

    def _chosen(self, built: Array, late: Array) -> Iterator[Array]:
        yield from self.shared.finder.chosen(built)
        yield self.shared.ids.array[: len(late)][late].reshape(-1)

    def enrolled(self, custodian: bytes | None) -> Iterator[bytes]:
        """The ids of enrolled subjects (of a custodian), in no order."""
        of = self.shared.custodian.array[: self.subjects]
        wanted = None if custodian is None else self.shared.custodians.numbers.get(custodian, -1)
        chosen = of != UNKNOWN_CUSTODIAN if wanted is None else of == wanted
        return (subject for (subject,) in iter_unpack(f"{ID}s", self.ids(chosen)))

    def register(self) -> Register:
        """The register of the subjects that the table was built from: four seconds a million, the first time."""
        held = self.shared.register
        if not held:
            held[:] = [Register(self.shared.key, PackedIds(self.shared.finder))]
        return held[0]

    def branch(self) -> "State":
        """The same state in memory of its own, as if nothing had come after it."""
        old = self.shared
        first, more, head = old.first.copy(), old.more.copy(), old.head.copy()
        for row in reversed(range(self.extra, old.tip[1])):
            head.array[old.owner.view[row]] = old.next.view[row]
        for rows in (first, more):
            later = (rows.dead.array > self.number) & (rows.dead.array != ALIVE)
            rows.dead.array[later] = ALIVE
        shared = old._replace(
            first=first,
            more=more,
            late={subject: place for subject, place in old.late.items() if place < self.subjects},
            ids=old.ids.copy(),
            custodian=old.custodian.copy(),
            tags=old.tags.copy(),
            head=head,
            next=old.next.copy(),
            owner=old.owner.copy(),
            tip=[self.number, self.extra],
        )
        return State(shared, self.number, self.subjects, self.extra)


def compile_row(profiles: Profiles, consent: Consent) -> tuple[int, int, int, int] | None:
    """Profile, validity and version of a consent; None for one that is withdrawn.

    A consent that is not understood denies everything, always.
    """
    if not consent.is_understood():
        return profiles.number(consent), ALWAYS, NEVER, 0
    if consent.state is not ConsentState.ACTIVE:
        return None
    if consent.version > MOST_VERSION:
        raise MirrorDiverged(f"consent {consent.id.hex()} has version {consent.version}; rebuild the mirror")
    return profiles.number(consent), consent.scope.valid_from, consent.valid_until, consent.version


def tags_of(key: bytes, ids: Array) -> Array:
    """For each id a number that only the holder of ``key`` can know; as 64-bit integers."""
    flat = np.ascontiguousarray(ids).reshape(-1).data
    made = [blake2b(flat[at : at + ID], digest_size=8, key=key).digest() for at in range(0, len(flat), ID)]
    return np.frombuffer(b"".join(made), np.uint64)


def _place(shared: Shared, id: bytes, subjects: int) -> int:
    """The number of a subject, a new one where it has none."""
    place = shared.finder.find(whole_id(id))
    if place is None:
        place = shared.late.get(id)
    if place is not None:
        return place
    late = subjects - shared.built
    shared.ids.reserve(late + 1)
    shared.custodian.reserve(subjects + 1)
    shared.tags.reserve(subjects + 1)
    shared.head.reserve(subjects + 1, NO_ROW)
    shared.ids.view[ID * late : ID * late + ID] = id
    shared.custodian.array[subjects] = UNKNOWN_CUSTODIAN
    shared.tags.array[subjects] = tags_of(shared.key, np.frombuffer(id, np.uint8).reshape(1, ID))[0]
    shared.late[id] = subjects
    return subjects


def whole_id(id: bytes) -> bytes:
    """An id, which is 32 bytes.

    Raises:
        MirrorDiverged: It is not.
    """
    if len(id) != ID:
        raise MirrorDiverged(f"the mirror holds an id of {len(id)} bytes, {id.hex()}; rebuild it")
    return id
