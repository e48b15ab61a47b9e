"""Commitments over a register: every subject of it has a proof, and no proof says anything else."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidInput, NotFound, ProofInvalid
from ledger.transparency import register as module
from ledger.transparency.cohort import cohort_leaf
from ledger.transparency.register import PagedCohort, PagedCommitment, Register, page_leaf, verify_paged
from ledger.transparency.tree import root_of

KEY, SEED = b"k" * 32, b"s" * 32
DENIED, PERMITTED, OTHER = False, True, None


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(module, "PAGE", 16)
    monkeypatch.setattr(module, "BITS", 2)


def packed(bits):
    size = -(-len(bits) // 8)
    number = int("".join("01"[bit] for bit in bits).ljust(8 * size, "0") or "0", 2)
    return number.to_bytes(size, "big")


def cohort_of(said, later=(), seed=SEED):
    ids = b"".join(place.to_bytes(32, "big") for place in range(len(said)))
    considered, permitted = packed([one is not OTHER for one in said]), packed([one is PERMITTED for one in said])
    return PagedCohort(Register(KEY, ids), seed, considered, permitted, later)


@given(st.lists(st.sampled_from([DENIED, PERMITTED, OTHER]), min_size=1, max_size=70), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_everybody_in_the_register_is_shown_what_was_decided(said, more):
    later = [(bytes([200 + place]) * 32, place % 2 == 0) for place in range(more)]
    cohort = cohort_of(said, later)
    assert cohort.commitment.considered == sum(one is not OTHER for one in said) + more
    for place, one in enumerate(said):
        proof = cohort.prove(place)
        assert proof.subject == place.to_bytes(32, "big")
        assert verify_paged(proof, cohort.commitment) is one


def test_the_root_is_what_the_words_say():
    said = [PERMITTED, DENIED] * 9
    cohort = cohort_of(said, [(b"\x77" * 32, True)])
    first, second = cohort.prove(0), cohort.prove(17)
    register = Register(KEY, b"".join(place.to_bytes(32, "big") for place in range(18)))
    leaves = [
        page_leaf(first.page_salt, register.roots[0], 16, b"\xff\xff", b"\xaa\xaa"),
        page_leaf(second.page_salt, register.roots[1], 2, b"\xc0\x00", b"\x80\x00"),
        cohort_leaf(cohort._salt(2), b"\x77" * 32, permitted=True),
    ]
    assert cohort.commitment == PagedCommitment(19, 3, root_of(leaves))


FALSE = {
    "another subject": lambda proof: replace(proof, subject=b"\x09" * 32),
    "another row": lambda proof: replace(proof, row=proof.row ^ 1),
    "another number of rows": lambda proof: replace(proof, rows=proof.rows - 1),
    "another salt": lambda proof: replace(proof, row_salt=b"\x01" * 16),
    "a salt of another length": lambda proof: replace(proof, row_salt=proof.row_salt + b"\x00"),
    "another salt of the page": lambda proof: replace(proof, page_salt=b"\x01" * 16),
    "permitted after all": lambda proof: replace(proof, permitted=b"\xff\xff"),
    "not asked about": lambda proof: replace(proof, considered=b"\x00\x00"),
    "bits that are too long": lambda proof: replace(proof, considered=proof.considered + b"\x00"),
    "another page": lambda proof: replace(proof, page=proof.page ^ 1),
    "a longer way": lambda proof: replace(proof, path=(*proof.path, bytes(32))),
}


@pytest.mark.parametrize("fault", FALSE)
def test_a_proof_of_anything_else_is_refused(fault):
    cohort = cohort_of([DENIED, PERMITTED, DENIED, OTHER] * 8)
    proof = cohort.prove(2)
    assert verify_paged(proof, cohort.commitment) is DENIED
    with pytest.raises(ProofInvalid):
        verify_paged(FALSE[fault](proof), cohort.commitment)


def test_a_page_that_permits_whom_it_did_not_consider_is_refused():
    ids = bytes(32 * 16)
    cohort = PagedCohort(Register(KEY, ids), SEED, b"\x00\x00", b"\xff\xff")
    with pytest.raises(ProofInvalid, match="did not consider"):
        verify_paged(cohort.prove(0), cohort.commitment)


def test_equal_cohorts_have_different_commitments_and_different_salts():
    said = [PERMITTED] * 20
    one, other = cohort_of(said), cohort_of(said, seed=b"t" * 32)
    assert one.commitment.root != other.commitment.root
    assert one.prove(0).page_salt != one.prove(19).page_salt


def test_what_makes_no_sense_is_refused():
    register = Register(KEY, bytes(32 * 9))
    with pytest.raises(InvalidInput):
        Register(b"short", bytes(32))
    with pytest.raises(InvalidInput):
        Register(KEY, bytes(33))
    for seed, considered, permitted in ((b"", b"\x00\x00", b"\x00\x00"), (SEED, b"\x00", b"\x00\x00")):
        with pytest.raises(InvalidInput):
            PagedCohort(register, seed, considered, permitted)
    with pytest.raises(NotFound):
        PagedCohort(register, SEED, b"\x00\x00", b"\x00\x00").prove(9)
    with pytest.raises(InvalidInput):
        page_leaf(bytes(16), bytes(32), 0, bytes(2), bytes(2))
