"""The vault: what it keeps is sealed, found by its number, bound to its row, and moved to new keys whole."""

import secrets
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.vault import LocalRecord
from ledger.errors import Conflict, InvalidInput, NotFound, ProofInvalid, WrongState
from ledger.services.vault import Vault
from tests.fakes.store import MemoryStore
from tests.fakes.vault import MemoryKeyVault

HOUSE, CLINIC = b"\x0a" * 32, b"\x0b" * 32
ANN, BOB = b"\x01" * 32, b"\x02" * 32
RECORD = LocalRecord("P-0042", "Ann Example", "+49 30 000000")


class SystemEntropy:
    def token(self, size):
        return secrets.token_bytes(size)


def vault_of(keys=None):
    return Vault(MemoryStore().vault, keys or MemoryKeyVault(), SystemEntropy())


@pytest.fixture
def vault():
    return vault_of()


def test_a_record_is_read_back_and_found(vault):
    vault.put(HOUSE, ANN, RECORD)
    assert vault.get(HOUSE, ANN) == RECORD
    assert vault.find(HOUSE, " P-0042 ") == ANN
    assert vault.find(HOUSE, "P-0043") is None
    assert vault.get(HOUSE, BOB) is None


def test_another_custodian_neither_reads_nor_finds_it(vault):
    vault.put(HOUSE, ANN, RECORD)
    assert vault.get(CLINIC, ANN) is None
    assert vault.find(CLINIC, "P-0042") is None
    vault.put(CLINIC, BOB, RECORD)
    assert vault.find(HOUSE, "P-0042") == ANN
    assert vault.find(CLINIC, "P-0042") == BOB
    assert vault.rows.get(ANN).index != vault.rows.get(BOB).index


def test_nothing_of_a_record_is_in_its_row_nor_in_its_repr(vault):
    vault.put(HOUSE, ANN, RECORD)
    row = vault.rows.get(ANN)
    for part in (RECORD.reference, RECORD.name, RECORD.contact):
        assert part.encode() not in row.data + row.index + row.key.data
        assert part not in repr(RECORD)
        assert part not in repr(row)


def test_records_of_any_names_have_one_length(vault):
    vault.put(HOUSE, ANN, LocalRecord("1"))
    vault.put(HOUSE, BOB, RECORD)
    assert len(vault.rows.get(ANN).data) == len(vault.rows.get(BOB).data)


def test_the_same_record_again_is_sealed_anew(vault):
    vault.put(HOUSE, ANN, RECORD)
    before = vault.rows.get(ANN)
    vault.put(HOUSE, ANN, RECORD)
    after = vault.rows.get(ANN)
    assert before.data != after.data
    assert before.key != after.key
    assert before.index == after.index


def test_a_number_belongs_to_one_subject(vault):
    vault.put(HOUSE, ANN, RECORD)
    with pytest.raises(Conflict) as refused:
        vault.put(HOUSE, BOB, LocalRecord("P-0042"))
    assert "P-0042" not in str(refused.value)
    vault.put(HOUSE, ANN, LocalRecord("P-0099"))
    vault.put(HOUSE, BOB, LocalRecord("P-0042"))
    assert vault.find(HOUSE, "P-0042") == BOB


@pytest.mark.parametrize("changed", [{"subject": BOB}, {"custodian": CLINIC}, {"data": b"\x00" * 300}, {"data": b""}])
def test_a_row_that_was_moved_or_changed_does_not_open(vault, changed):
    vault.put(HOUSE, ANN, RECORD)
    row = replace(vault.rows.get(ANN), **changed)
    vault.rows.rows = {row.subject: row}
    with pytest.raises(ProofInvalid):
        vault.get(row.custodian, row.subject)


@pytest.mark.parametrize("reference", ["", "   ", "x" * 129, "a\nb", "a\x00b", "\ud800"])
def test_a_malformed_number_is_refused_without_repeating_it(vault, reference):
    for refused in (lambda: vault.put(HOUSE, ANN, LocalRecord(reference)), lambda: vault.find(HOUSE, reference)):
        with pytest.raises(InvalidInput) as problem:
            refused()
        assert not reference.strip() or reference not in str(problem.value)


def test_a_number_is_the_same_however_its_letters_are_composed(vault):
    vault.put(HOUSE, ANN, LocalRecord("M\u00fcller-7"))
    assert vault.find(HOUSE, "Mu\u0308ller-7") == ANN


# --- rotation ---------------------------------------------------------------------------------------------------------


def test_rotation_moves_every_record_and_destroys_the_old_key(vault):
    people = {bytes([number]) * 32: LocalRecord(f"P-{number}") for number in range(1, 8)}
    for subject, record in people.items():
        vault.put(HOUSE, subject, record)
    old = {subject: vault.rows.get(subject) for subject in people}
    assert vault.rotate() == len(people)
    assert vault.keys.versions() == [2]
    for subject, record in people.items():
        assert vault.get(HOUSE, subject) == record
        assert vault.find(HOUSE, record.reference) == subject
        assert vault.rows.get(subject).index != old[subject].index, "an index of a backup would still answer"


def test_a_backup_from_before_a_rotation_cannot_be_read(vault):
    vault.put(HOUSE, ANN, RECORD)
    backup = dict(vault.rows.rows)
    vault.rotate()
    vault.rows.rows = backup
    with pytest.raises(NotFound):
        vault.get(HOUSE, ANN)
    assert vault.find(HOUSE, "P-0042") is None


def test_between_two_versions_everything_is_still_found(vault):
    vault.put(HOUSE, ANN, RECORD)
    vault.keys.rotate()  # and the process died
    assert vault.find(HOUSE, "P-0042") == ANN
    vault.put(HOUSE, BOB, LocalRecord("P-0043"))
    with pytest.raises(Conflict):
        vault.put(HOUSE, BOB, LocalRecord("P-0042"))
    assert vault.rotate() == 2
    assert vault.keys.versions() == [3]
    assert (vault.find(HOUSE, "P-0042"), vault.find(HOUSE, "P-0043")) == (ANN, BOB)


def test_a_record_that_is_written_during_a_rotation_is_not_lost():
    """The writer wraps under the old key; meanwhile a rotation runs from its beginning to its end."""
    keys = MemoryKeyVault()
    vault = vault_of(keys)
    wrap, rotations = keys.wrap, []

    def slow(key, context):
        wrapped = wrap(key, context)
        if not rotations:
            rotations.append(vault_of_same(vault).rotate())
        return wrapped

    keys.wrap = slow
    vault.put(HOUSE, ANN, RECORD)
    assert rotations == [0]
    assert vault.get(HOUSE, ANN) == RECORD
    assert vault.find(HOUSE, "P-0042") == ANN


def vault_of_same(vault):
    return Vault(vault.rows, vault.keys, vault.entropy)


def test_a_rotation_does_not_bring_an_erased_record_back():
    store, keys = MemoryStore(), MemoryKeyVault()
    vault = Vault(store.vault, keys, SystemEntropy())
    vault.put(HOUSE, ANN, RECORD)
    unwrap = keys.unwrap

    def erased_meanwhile(wrapped, context):
        key = unwrap(wrapped, context)
        store.erasures.destroy(ANN, id="0x00", custodian=HOUSE, actor="x", at=1)
        return key

    keys.unwrap = erased_meanwhile
    assert vault.rotate() == 0
    assert vault.get(HOUSE, ANN) is None
    with pytest.raises(WrongState):
        vault.put(HOUSE, ANN, RECORD)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=128), st.text(max_size=128), st.text(max_size=128))
def test_whatever_is_taken_comes_back_in_normal_form(reference, name, contact):
    vault, given_ = vault_of(), LocalRecord(reference, name, contact)
    try:
        vault.put(HOUSE, ANN, given_)
    except InvalidInput:
        return
    kept = vault.get(HOUSE, ANN)
    assert kept == given_.normal() == kept.normal()
    assert vault.find(HOUSE, reference) == ANN
