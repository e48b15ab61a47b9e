"""The table of the snapshot: subjects by number, the first consent of each beside it, further ones behind it.

Each state of the table is one block's. States share all memory; ``rows`` says how. The order of the subjects that a
table was built from is secret and says nothing of them (``tags``): proofs over their places need that.

Invariants: what a ``State`` shows never changes; a state is made from the last one, or from a copy (``branch``).
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple

import numpy as np

from ledger.domain.consent import Consent, ConsentState
from ledger.domain.projection import Subject
from ledger.errors import MirrorDiverged
from ledger.snapshot.columns import SPARE, Array, Column
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

    @classmethod
    def build(cls, key: bytes, facts: Iterable[Consent | Subject]) -> "State":
        """Build from all subjects and consents; ``key`` (32 secret bytes) orders the subjects."""
        draft = Draft(key)
        for fact in facts:
            draft.add(fact)
        return draft.finish()

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
                shared.more.put(extra, *compiled, _id(fact.id))
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

    def enrolled(self, custodian: bytes | None) -> Iterator[bytes]:
        """The ids of enrolled subjects (of a custodian), in no order."""
        of = self.shared.custodian.array[: self.subjects]
        wanted = None if custodian is None else self.shared.custodians.numbers.get(custodian, -1)
        chosen = of != UNKNOWN_CUSTODIAN if wanted is None else of == wanted
        return map(self.id, np.flatnonzero(chosen).tolist())

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

    def fold(self) -> "State":
        """The same facts in a table of its own, each first consent in its place again."""
        shared = self.shared
        first = np.flatnonzero((shared.first.dead.array > self.number) & (shared.first.profile.array != NOTHING))
        more = np.flatnonzero(shared.more.dead.array[: self.extra] > self.number)
        columns = [
            np.concatenate(pair) for pair in zip(shared.first.arrays(first), shared.more.arrays(more), strict=True)
        ]
        return assemble(
            shared.key,
            shared.profiles,
            shared.custodians,
            np.concatenate([shared.finder.ids(slice(None)), shared.ids.array[: self.subjects - shared.built]]),
            shared.custodian.array[: self.subjects],
            shared.tags.array[: self.subjects],
            np.concatenate([first, shared.owner.array[: self.extra][more]]),
            columns,
        )


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


class Draft:
    """A table that is being built: facts in any order, each the only one of its key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._profiles = Profiles()
        self._custodians = Custodians()
        self._subjects, self._owners, self._ids = bytearray(), bytearray(), bytearray()
        self._custodian, self._profile, self._version = array("I"), array("I"), array("I")
        self._since, self._until = array("q"), array("q")

    def add(self, fact: Consent | Subject) -> None:
        """Take in a fact."""
        if isinstance(fact, Subject):
            self._subjects += _id(fact.id)
            self._custodian.append(self._custodians.number(fact.custodian))
            return
        compiled = compile_row(self._profiles, fact)
        if compiled is None:
            return
        self._owners += _id(fact.subject)
        self._ids += _id(fact.id)
        for column, value in zip((self._profile, self._since, self._until, self._version), compiled, strict=True):
            column.append(value)

    def finish(self) -> State:
        """The table's first state."""
        subjects, owners = _as_ids(self._subjects), _as_ids(self._owners)
        tags = tags_of(self._key, subjects)
        owner, known = _join(subjects, tags, owners, tags_of(self._key, owners))
        columns: list[Array] = [
            np.frombuffer(self._profile, np.uint32),
            np.frombuffer(self._since, np.int64),
            np.frombuffer(self._until, np.int64),
            np.frombuffer(self._version, np.uint32),
            _as_ids(self._ids),
        ]
        strangers = np.flatnonzero(~known)
        if len(strangers):  # consents of nobody: kept, so that a deny among them counts once the subject is enrolled
            apart, place = np.unique(owners[strangers], axis=0, return_inverse=True)
            owner[strangers] = len(subjects) + place.reshape(-1)
            subjects = np.concatenate([subjects, apart])
            tags = np.concatenate([tags, tags_of(self._key, apart)])
            self._custodian.extend([UNKNOWN_CUSTODIAN] * len(apart))
        custodian = np.frombuffer(self._custodian, np.uint32)
        return assemble(self._key, self._profiles, self._custodians, subjects, custodian, tags, owner, columns)


def assemble(
    key: bytes,
    profiles: Profiles,
    custodians: Custodians,
    ids: Array,
    custodian: Array,
    tags: Array,
    owner: Array,
    columns: Sequence[Array],
) -> State:
    """A table from whole columns.

    Args:
        key: What the tags were made with.
        profiles: What the rows' profiles are numbers of.
        custodians: What the subjects' custodians are numbers of.
        ids: Each subject's id, 32 bytes a row; no id twice.
        custodian: Each subject's custodian.
        tags: Each subject's tag.
        owner: For each consent, the place of its subject in ``ids``.
        columns: Profile, since, until, version and id of each consent.
    """
    count = len(ids)
    room = count + max(64, int(count * SPARE))
    order = np.argsort(tags, kind="stable")
    rank = np.empty(count, np.uint32)
    rank[order] = np.arange(count, dtype=np.uint32)
    owner = rank[owner]
    del rank
    by_owner = np.argsort(owner, kind="stable")
    owner = owner[by_owner]
    is_first = np.ones(len(owner), bool)
    is_first[1:] = owner[1:] != owner[:-1]
    cards = Index.blank(count)
    for start in range(0, count, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        cards["id"][part] = ids[order[part]].view(np.uint64)
    first, rest = Rows.empty(count, cards), np.flatnonzero(~is_first)
    whose, which = owner[is_first], by_owner[is_first]
    for column, values in zip(first.values(), columns, strict=True):
        for start in range(0, len(whose), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            column.array[whose[part]] = values[which[part]]
    del whose, which
    more = Rows.empty(len(rest))
    for column, values in zip(more.values(), columns, strict=True):
        column.array[:] = values[by_owner[rest]]
    head, behind = np.full(room, NO_ROW, np.uint32), np.full(len(rest), NO_ROW, np.uint32)
    owner = owner[rest]
    same = owner[1:] == owner[:-1]
    behind[1:][same] = np.flatnonzero(same)
    head[owner] = np.arange(len(rest))  # of equal owners the last stays
    of, tag = np.zeros(room, np.uint32), np.zeros(room, np.uint64)
    of[:count], tag[:count] = custodian[order], tags[order]
    for name, column in (("since", first.since), ("until", first.until), ("profile", first.profile)):
        cards[name] = column.array
    cards["plain"] = (of[:count] != UNKNOWN_CUSTODIAN) & (head[:count] == NO_ROW)
    shared = Shared(
        key=key,
        profiles=profiles,
        custodians=custodians,
        built=count,
        finder=Index(cards),
        first=first,
        more=more,
        late={},
        ids=Column(np.zeros((0, ID), np.uint8)),
        custodian=Column(of),
        tags=Column(tag),
        head=Column(head),
        next=Column(behind),
        owner=Column(owner),
        register=[],
        surplus=len(rest),
        tip=[0, len(rest)],
    )
    return State(shared, 0, count, len(rest))


def tags_of(key: bytes, ids: Array) -> Array:
    """For each id a number that only the holder of ``key`` can know; as 64-bit integers."""
    flat = np.ascontiguousarray(ids).reshape(-1).data
    made = [blake2b(flat[at : at + ID], digest_size=8, key=key).digest() for at in range(0, len(flat), ID)]
    return np.frombuffer(b"".join(made), np.uint64)


def _join(subjects: Array, tags: Array, owners: Array, wanted: Array) -> tuple[Array, Array]:
    """For each owner its place among the subjects, and whether it is there at all."""
    if not len(subjects):
        return np.zeros(len(owners), np.uint32), np.zeros(len(owners), bool)
    order = np.argsort(tags, kind="stable")
    at = np.minimum(np.searchsorted(tags, wanted, sorter=order), len(subjects) - 1)
    place = order[at].astype(np.uint32)
    known = np.ones(len(owners), bool)
    for start in range(0, len(owners), _AT_ONCE):  # equal tags are not equal ids, if seldom
        part = slice(start, start + _AT_ONCE)
        known[part] = (subjects[place[part]] == owners[part]).all(axis=1)
    return place, known


def _place(shared: Shared, id: bytes, subjects: int) -> int:
    """The number of a subject, a new one where it has none."""
    place = shared.finder.find(_id(id))
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


def _as_ids(joined: bytearray) -> Array:
    return np.frombuffer(joined, np.uint8).reshape(-1, ID)


def _id(id: bytes) -> bytes:
    if len(id) != ID:
        raise MirrorDiverged(f"the mirror holds an id of {len(id)} bytes, {id.hex()}; rebuild it")
    return id
