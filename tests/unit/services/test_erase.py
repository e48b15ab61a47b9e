"""The entries of an erasure: one set a log, in parts where they are many, and never the subject."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from ledger.domain.audit import openings_in
from ledger.domain.erasure import Erasure
from ledger.errors import WrongState
from ledger.services import erase
from ledger.services.forgotten import Forgotten
from ledger.transparency import canonical
from tests.fakes.store import MemoryStore

HOUSE, OTHER, SUBJECT = b"\x0a" * 32, b"\x0b" * 32, b"\x77" * 32


def erasure(openings=(), **changes):
    fields = {"local_record": True, "passkeys": False} | changes
    return Erasure(1, "0xab", SUBJECT, HOUSE, "institution:x", 7, openings=tuple(openings), logged=False, **fields)


def told(one):
    return {
        log: [(entry.facts["destroyed"], openings_in({"facts": entry.facts})) for entry in entries]
        for log, entries in erase._entries(one).items()
    }


def test_the_custodians_log_always_has_an_entry():
    assert told(erasure()) == {HOUSE: [(["local-record"], [])]}
    assert told(erasure(local_record=False)) == {HOUSE: [([], [])]}
    assert told(erasure(passkeys=True)) == {HOUSE: [(["local-record", "passkeys"], [])]}


def test_each_log_names_its_own_indices_and_only_home_the_record():
    assert told(erasure([(OTHER, 3), (HOUSE, 1), (OTHER, 9)])) == {
        OTHER: [(["openings"], [3, 9])],
        HOUSE: [(["local-record", "openings"], [1])],
    }


def test_many_indices_make_several_entries_that_a_log_takes():
    count = 2 * erase.MOST_INDICES + 1
    one = erasure([(HOUSE, 10**12 + index) for index in range(count)])
    entries = erase._entries(one)[HOUSE]
    assert [len(openings_in({"facts": entry.facts})) for entry in entries] == [erase.MOST_INDICES] * 2 + [1]
    assert [entry.facts["destroyed"][0] for entry in entries] == ["local-record", "openings", "openings"]
    for entry in entries:
        document = canonical.encode(entry.document(log=HOUSE, index=10**12, time=10**10))
        assert len(document) < 64 * 1024
        assert SUBJECT.hex().encode() not in document


def test_a_log_that_cannot_be_written_holds_up_no_other():
    written = []

    def append(log, key, _entries):
        if log == OTHER:
            raise WrongState("the log is damaged")
        written.append((log, key))

    first, second = replace(erasure([(OTHER, 3)]), id="0x01"), replace(erasure(), number=2, id="0x02")
    done = []
    erasures = SimpleNamespace(unlogged=lambda _subject: [first, second], logged=done.append)
    with pytest.raises(WrongState, match="damaged"):
        erase.finish(SimpleNamespace(erasures=erasures), SimpleNamespace(append=append))
    assert written == [(HOUSE, "erasure:0x01"), (HOUSE, "erasure:0x02")]
    assert done == [second]


def test_the_forgotten_are_known_as_soon_as_they_are_erased():
    store = MemoryStore()
    forgotten = Forgotten(store.erasures)
    assert forgotten.now() == frozenset()
    for number in (1, 2):
        store.erasures.destroy(bytes([number]) * 32, id="0x00", custodian=HOUSE, actor="x", at=1)
        assert forgotten.now() == {bytes([n]) * 32 for n in range(1, number + 1)}
