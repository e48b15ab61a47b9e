"""Heads and accesses on the chain: once each, in order, and only as far as the chain agrees."""

import sqlite3

import msgspec
import pytest

from ledger.domain.accesses import count_entries
from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from ledger.domain.outbox import ItemState
from ledger.errors import BadSignature, MirrorDiverged, NotFound
from ledger.services import anchor as module
from ledger.services.anchor import anchor
from ledger.transparency.tree import root_at
from tests.support.scene import fresh


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


def test_an_anchoring_holds_a_bounded_number_of_accesses(house, monkeypatch):
    monkeypatch.setattr(module, "MOST_ACCESSES", 3)
    log = house.scene.institution
    write(house, Kind.STARTED, *[Kind.ACCESSED] * 7)
    sizes = []
    while (item := anchor(house.context, log)) is not None:
        assert sum(count_entries(group.entries) for group in item.act.accesses) <= 3
        sizes.append(item.act.size)
        house.seal()
    assert sizes == [4, 7, 8]
    assert [access.index for access, _ in house.context.mirror.accesses_of(log)] == list(range(1, 8))


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
