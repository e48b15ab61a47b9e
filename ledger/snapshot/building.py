"""Building a table of the snapshot: from facts in any order, from whole columns, or from another table.

Invariant: no state of another table is changed, and nothing of its memory is shared but profiles and custodians.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from ledger.domain.consent import Consent
from ledger.domain.projection import Subject
from ledger.snapshot.columns import SPARE, Array, Column
from ledger.snapshot.index import ID, Index
from ledger.snapshot.profiles import NOTHING, Profiles
from ledger.snapshot.rows import NO_ROW, Rows
from ledger.snapshot.table import UNKNOWN_CUSTODIAN, Custodians, Shared, State, compile_row, tags_of, whole_id

_AT_ONCE: Final = 1 << 16


def build(key: bytes, facts: Iterable[Consent | Subject]) -> State:
    """Build from all subjects and consents; ``key`` (32 secret bytes) orders the subjects."""
    draft = Draft(key)
    for fact in facts:
        draft.add(fact)
    return draft.finish()


def fold(state: State) -> State:
    """The same facts in a table of its own, each first consent in its place again."""
    shared = state.shared
    first = np.flatnonzero((shared.first.dead.array > state.number) & (shared.first.profile.array != NOTHING))
    more = np.flatnonzero(shared.more.dead.array[: state.extra] > state.number)
    columns = [np.concatenate(pair) for pair in zip(shared.first.arrays(first), shared.more.arrays(more), strict=True)]
    return assemble(
        shared.key,
        shared.profiles,
        shared.custodians,
        np.concatenate([shared.finder.ids(slice(None)), shared.ids.array[: state.subjects - shared.built]]),
        shared.custodian.array[: state.subjects],
        shared.tags.array[: state.subjects],
        np.concatenate([first, shared.owner.array[: state.extra][more]]),
        columns,
    )


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
            self._subjects += whole_id(fact.id)
            self._custodian.append(self._custodians.number(fact.custodian))
            return
        compiled = compile_row(self._profiles, fact)
        if compiled is None:
            return
        self._owners += whole_id(fact.subject)
        self._ids += whole_id(fact.id)
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


def _as_ids(joined: bytearray) -> Array:
    return np.frombuffer(joined, np.uint8).reshape(-1, ID)
