"""Heads and accesses on the chain: once each, in order, and only as far as the chain agrees."""

import sqlite3
from dataclasses import replace

import msgspec
import pytest

from ledger.domain.accesses import count_entries
from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from ledger.domain.outbox import ItemState
from ledger.errors import BadSignature, MirrorDiverged, NotFound
from ledger.services.anchor import anchor, anchor_all, anchored, is_full
from ledger.services.directory import admit_institution
from ledger.transparency.tree import root_at
from tests.support.scene import Patient, fresh


class Claims:
    """A mirror with another head in it than the true one."""

    def __init__(self, mirror, head):
        self._mirror, self._head = mirror, head

    def head_of(self, log):
        return self._head if log == self._head.log else self._mirror.head_of(log)

    def __getattr__(self, name):
        return getattr(self._mirror, name)


def write(house, *kinds, key="key", log=None):
    scene = house.scene
    entries = [
        NewEntry(kind, "engine", study=to_hex(scene.study), engine=to_hex(scene.engine), facts={"place": place})
        for place, kind in enumerate(kinds)
    ]
    return house.ledger.appender.append(log or scene.institution, key, entries).entries


def test_a_head_is_anchored_with_its_accesses(house):
    log = house.scene.institution
    entries = write(house, Kind.STARTED, Kind.ACCESSED, Kind.COMPLETED, Kind.FAILED, Kind.DISCLOSED)
    item = anchor(house.context, log)
    house.seal()
    assert house.context.outbox.item(item.digest).state is ItemState.SEALED
    head = house.context.mirror.head_of(log)
    assert (head.size, head.root) == (5, root_at(house.context.audit.nodes(log), 5))
    seen = [(access.index, access.leaf) for access, _ in house.context.mirror.accesses_of(log)]
    assert seen == [(place, entries[place].leaf) for place in (1, 2, 4)]


def test_the_next_anchoring_starts_where_the_last_one_ended(house):
    log = house.scene.institution
    for number in range(3):
        write(house, Kind.ACCESSED, Kind.STARTED, key=f"key-{number}")
        anchor(house.context, log)
        house.seal()
    sizes = [head.size for head, _ in house.context.mirror.heads_of(log)]
    assert sizes == [2, 4, 6]
    assert [access.index for access, _ in house.context.mirror.accesses_of(log)] == [0, 2, 4]
    assert house.context.outbox.items(state=ItemState.REFUSED) == []


def test_nothing_new_is_nothing_to_do(house):
    log = house.scene.institution
    assert anchor(house.context, log) is None
    write(house, Kind.STARTED)
    anchor(house.context, log)
    house.seal()
    assert anchor(house.context, log) is None


def test_one_anchoring_is_under_way_at_a_time(house):
    log = house.scene.institution
    write(house, Kind.STARTED, key="one")
    first = anchor(house.context, log)
    write(house, Kind.STARTED, key="two")
    assert anchor(house.context, log) == first
    house.carry()
    assert anchor(house.context, log).digest == first.digest, "sealed, but not in the copy yet"
    house.ledger.catch_up()
    assert anchor(house.context, log).act.size == 2


def with_accesses(house, most):
    return replace(house.context, limits=replace(house.context.limits, anchor_accesses=most))


def test_an_anchoring_holds_a_bounded_number_of_accesses(house):
    context, log = with_accesses(house, 3), house.scene.institution
    write(house, Kind.STARTED, *[Kind.ACCESSED] * 7)
    sizes = []
    while (item := anchor(context, log)) is not None:
        assert sum(count_entries(group.entries) for group in item.act.accesses) <= 3
        assert is_full(context, item) == (len(sizes) < 2)
        sizes.append(item.act.size)
        house.seal()
    assert sizes == [4, 7, 8]
    assert [access.index for access, _ in house.context.mirror.accesses_of(log)] == list(range(1, 8))


def test_heads_alone_bind_every_entry_and_carry_no_access(house):
    context, log = with_accesses(house, 0), house.scene.institution
    write(house, Kind.STARTED, *[Kind.ACCESSED] * 7)
    item = anchor(context, log)
    assert (item.act.size, item.act.accesses) == (8, ())
    assert not is_full(context, item)
    house.seal()
    assert house.context.mirror.accesses_of(log) == []
    assert house.context.mirror.head_of(log).root == root_at(house.context.audit.nodes(log), 8)


def test_after_heads_alone_the_accesses_since_are_carried_again(house):
    log = house.scene.institution
    write(house, Kind.ACCESSED, key="silent")
    anchor(with_accesses(house, 0), log)
    house.seal()
    write(house, Kind.ACCESSED, key="told")
    anchor(house.context, log)
    house.seal()
    assert [access.index for access, _ in house.context.mirror.accesses_of(log)] == [1]


def test_a_head_is_final_under_as_many_blocks_as_are_asked_for(house):
    log = house.scene.institution
    context = replace(house.context, limits=replace(house.context.limits, confirmations=2))
    write(house, Kind.ACCESSED)
    anchor(context, log)
    house.seal()
    seen = []
    for _ in range(3):
        (head,) = anchored(context, log)
        seen.append((head.confirmations, head.final))
        house.scene.must(house.scene.enrolment(Patient()))
        house.ledger.catch_up()
    assert seen == [(0, False), (1, False), (2, True)]
    assert (head.size, head.accesses) == (1, 1)


def test_a_fork_is_noticed_before_it_is_signed(house):
    """Rows, tree and all were rewritten below the anchored head; the chain would refuse it, and so does the service."""
    log = house.scene.institution
    write(house, Kind.STARTED, key="true")
    anchor(house.context, log)
    house.seal()
    write(house, Kind.STARTED, key="more")
    head = house.context.mirror.head_of(log)
    context = replace(house.context, mirror=Claims(house.context.mirror, replace(head, root=b"f" * 32)))
    with pytest.raises(MirrorDiverged, match="fsck"):
        anchor(context, log)


def test_a_log_that_was_changed_holds_up_no_other(house):
    context, changed, stranger = house.context, house.scene.institution, fresh()
    write(house, Kind.STARTED)
    anchor(context, changed)
    _, other, _ = admit_institution(context, "St Mary")
    house.seal()
    write(house, Kind.STARTED, key="more")
    write(house, Kind.STARTED, log=stranger)
    write(house, Kind.STARTED, log=other)
    head = replace(context.mirror.head_of(changed), root=b"f" * 32)
    items, problems = anchor_all(replace(context, mirror=Claims(context.mirror, head)))
    assert [item.act.log for item in items] == [other]
    assert {log: type(problem) for log, problem in problems.items()} == {changed: MirrorDiverged, stranger: NotFound}


def test_an_entry_without_study_or_engine_is_no_access(house):
    log = house.scene.institution
    house.ledger.appender.append(log, "key", [NewEntry(Kind.ACCESSED, "service")])
    assert anchor(house.context, log).act.accesses == ()


def test_a_cut_log_is_noticed(house):
    """The chain holds more of the log than the store: somebody took entries away."""
    log = house.scene.institution
    write(house, Kind.STARTED, Kind.STARTED)
    anchor(house.context, log)
    house.seal()
    with sqlite3.connect(house.home / "ledger.sqlite") as base:
        base.execute("DROP TRIGGER audit_entry_no_delete")
        base.execute('DELETE FROM audit_entry WHERE "index" = 1')
    with pytest.raises(MirrorDiverged, match="restore"):
        anchor(house.context, log)


def test_a_log_of_nobody_is_not_anchored(house):
    stranger = fresh()
    write(house, Kind.STARTED, log=stranger)
    with pytest.raises(NotFound):
        anchor(house.context, stranger)


def test_an_anchoring_that_another_signed_is_refused(house):
    """Handed in from outside with a signature that is not the institution's."""
    write(house, Kind.STARTED)
    item = anchor(house.context, house.scene.institution)
    forged = house.context.keys.sign(item.act, house.scene.reviewer_key)
    with pytest.raises(BadSignature):
        house.submit(msgspec.structs.replace(forged, size=2))
