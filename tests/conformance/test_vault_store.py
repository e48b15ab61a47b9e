"""What every vault and store of erasures keeps to, the fakes too (``ports.VaultStore``, ``ports.ErasureStore``)."""

import threading
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.domain.audit import DecisionRecord, Member
from ledger.domain.passkey import Invitation, Passkey
from ledger.domain.vault import SealedRecord, WrappedKey
from ledger.errors import Conflict, WrongState
from ledger.transparency.cohort import Cohort
from tests.conformance.test_audit_store import LOG, OTHER, append, hex_id
from tests.support.stores import open_store

HOUSE, CLINIC = b"\x0a" * 32, b"\x0b" * 32


def id_of(number: int) -> bytes:
    return bytes([number]) * 32


def row(number: int, *, custodian: bytes = HOUSE, index: int = 0, version: int = 1) -> SealedRecord:
    key = WrappedKey(version, b"wrapped %d" % number)
    return SealedRecord(id_of(number), custodian, id_of(index or number), key, b"sealed %d" % number)


def destroy(store, number: int, **changes):
    told = {"id": hex_id(number)[:34], "custodian": HOUSE, "actor": "institution:x", "at": 1_800_000_000} | changes
    return store.erasures.destroy(id_of(number), **told)


def decide(store, number: int, subjects, *, log: bytes = LOG):
    """A decision on subjects, kept with an entry of its own; gives its id and its commitment."""
    (entry,) = append(store, log, 1, decision=hex_id(number))
    members = [Member(id_of(s), bytes([s]) * 16, 1 + s % 2, 1, None, 0) for s in subjects]
    record = DecisionRecord(
        hex_id(number), log, entry.index, id_of(3), id_of(4), b"{}", "jws", 9, id_of(5), 1, 1, len(subjects)
    )
    with store.audit.writer(log) as writer:
        writer.save_decision(record, members)
    return record.id, commitment(members)


def commitment(members, erased=()):
    subjects = [member.subject for member in members]
    permitted = [member.outcome == 1 for member in members]
    return Cohort(subjects, permitted, b"".join(member.salt for member in members), dict(erased)).commitment


# --- the vault --------------------------------------------------------------------------------------------------------


def test_rows_are_read_back_as_they_were_written(store):
    assert store.vault.get(id_of(1)) is None
    assert store.vault.put(row(1))
    assert store.vault.get(id_of(1)) == row(1)
    newer = replace(row(1), index=id_of(7), data=b"other")
    assert store.vault.put(newer)
    assert store.vault.get(id_of(1)) == newer


def test_rows_are_found_by_custodian_and_index(store):
    store.vault.put(row(1))
    store.vault.put(row(2, custodian=CLINIC, index=1))
    assert store.vault.find(HOUSE, [id_of(9), id_of(1)]) == row(1)
    assert store.vault.find(CLINIC, [id_of(1)]).subject == id_of(2)
    assert store.vault.find(HOUSE, [id_of(2)]) is None
    assert store.vault.find(HOUSE, []) is None


def test_an_index_belongs_to_one_subject_of_a_custodian(store):
    store.vault.put(row(1))
    with pytest.raises(Conflict):
        store.vault.put(row(2, index=1))
    assert store.vault.get(id_of(2)) is None


def test_no_row_is_taken_under_an_older_key_than_the_newest(store):
    store.vault.set_newest(3)
    store.vault.set_newest(2)
    assert not store.vault.put(row(1, version=2))
    assert store.vault.get(id_of(1)) is None
    assert store.vault.put(row(1, version=3))


def test_rows_under_older_keys_are_listed_and_replaced_only_as_they_were(store):
    for number in (1, 2, 3):
        store.vault.put(row(number, version=number))
    assert store.vault.older(3, 9) == [row(1, version=1), row(2, version=2)]
    assert store.vault.older(3, 1) == [row(1, version=1)]
    moved = replace(row(1, version=3), data=b"anew", index=id_of(8))
    assert store.vault.replace(row(1, version=1), moved)
    assert not store.vault.replace(row(1, version=1), row(1, version=9))
    assert store.vault.get(id_of(1)) == moved
    destroy(store, 1)
    assert not store.vault.replace(moved, row(1, version=9)), "a rotation must not bring an erased row back"
    assert store.vault.get(id_of(1)) is None


# --- erasure ----------------------------------------------------------------------------------------------------------


def test_an_erasure_takes_the_row_and_lets_none_come_again(store):
    store.vault.put(row(1))
    store.vault.put(row(2))
    erasure = destroy(store, 1)
    assert (erasure.number, erasure.subject, erasure.local_record, erasure.openings) == (1, id_of(1), True, ())
    assert not erasure.logged
    assert store.vault.get(id_of(1)) is None
    assert store.vault.find(HOUSE, [id_of(1)]) is None
    with pytest.raises(WrongState):
        store.vault.put(row(1))
    assert store.vault.get(id_of(2)) == row(2)


def test_an_erasure_takes_passkeys_and_invitations(store):
    for number in (1, 2):
        store.passkeys.keep(Passkey(b"id %d" % number, id_of(number), b"signer", 0, False, 7))
    store.passkeys.invite(Invitation(id_of(3), HOUSE, 1, 0, 9, bytes(32), 9))
    assert destroy(store, 1).passkeys
    assert destroy(store, 3).passkeys
    assert not destroy(store, 4).passkeys
    assert store.passkeys.of(id_of(1)) == []
    assert store.passkeys.invitation(id_of(3)) is None
    assert [one.subject for one in store.passkeys.of(id_of(2))] == [id_of(2)]


def test_an_erasure_without_anything_to_erase_still_counts(store):
    erasure = destroy(store, 5)
    assert (erasure.local_record, erasure.openings) == (False, ())
    assert store.erasures.of(id_of(5)) == [erasure]
    assert store.erasures.subjects() == [id_of(5)]


def test_again_is_nothing_until_something_came_up(store):
    first = destroy(store, 1)
    assert destroy(store, 1) is None
    decide(store, 1, [1, 2])
    second = destroy(store, 1)
    assert second.openings == ((LOG, 0),)
    assert store.erasures.of(id_of(1)) == [first, second]


def test_an_erasure_is_open_until_it_is_logged(store):
    decide(store, 1, [1])
    one, two = destroy(store, 1), destroy(store, 2)
    assert store.erasures.unlogged() == [one, two]
    assert store.erasures.unlogged(id_of(2)) == [two]
    store.erasures.logged(one)
    assert store.erasures.unlogged() == [two]
    assert store.erasures.of(id_of(1)) == [replace(one, openings=(), logged=True)]


def test_erased_subjects_are_told_by_number(store):
    assert store.erasures.newest() == 0
    destroy(store, 1)
    destroy(store, 2)
    assert store.erasures.newest() == 2
    assert set(store.erasures.subjects()) == {id_of(1), id_of(2)}
    assert store.erasures.subjects(1) == [id_of(2)]
    store.erasures.scrub()


def test_rows_of_all_decisions_go_and_every_commitment_stays(store):
    first, before = decide(store, 1, [4, 1, 9])
    second, alone = decide(store, 2, [4], log=OTHER)
    third, untouched = decide(store, 3, [1, 9])
    erasure = destroy(store, 4)
    assert erasure.openings == ((LOG, 0), (OTHER, 0))
    assert [member.subject for member in store.audit.members(first)] == [id_of(1), id_of(9)]
    assert store.audit.members(second) == []
    assert list(store.audit.erased(first)) == [1]
    assert list(store.audit.erased(second)) == [0]
    assert store.audit.erased(third) == {}
    assert store.audit.erased("nonsense") == {}
    assert store.audit.decisions_on(id_of(4)) == []
    for decision, expected in ((first, before), (second, alone), (third, untouched)):
        assert commitment(store.audit.members(decision), store.audit.erased(decision)) == expected


def test_a_record_that_comes_while_its_subject_is_erased_does_not_stay(url):
    store = open_store(url)
    for number in range(1, 25):
        gate = threading.Barrier(2)

        def keep(number: int = number, gate: threading.Barrier = gate) -> None:
            gate.wait()
            with suppress(WrongState):
                store.vault.put(row(number))

        thread = threading.Thread(target=keep)
        thread.start()
        gate.wait()
        destroy(store, number)
        thread.join()
        assert store.vault.get(id_of(number)) is None
    store.close()


_count = iter(range(1, 1_000_000))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(1, 40), min_size=1, max_size=12), st.randoms())
def test_the_commitment_holds_whoever_is_erased_and_in_whatever_order(store, subjects, random):
    # Ids of this example alone, as a subject can be erased once.
    label = next(_count).to_bytes(4, "big")
    ids = {subject: bytes([subject]) + label + bytes(27) for subject in subjects}
    decision = "0x" + label.hex() * 8
    members = [Member(ids[s], bytes([s]) * 16, 1 + s % 2, 1, None, 0) for s in subjects]
    (entry,) = append(store, LOG, 1, decision=decision)
    record = DecisionRecord(
        decision, LOG, entry.index, id_of(3), id_of(4), b"{}", "j", 9, id_of(5), 1, 1, len(subjects)
    )
    with store.audit.writer(LOG) as writer:
        writer.save_decision(record, members)
    expected = commitment(members)
    order = sorted(subjects)
    random.shuffle(order)
    for subject in order:
        store.erasures.destroy(ids[subject], id="0x00", custodian=HOUSE, actor="x", at=1)
        assert commitment(store.audit.members(decision), store.audit.erased(decision)) == expected
    assert store.audit.members(decision) == []
