"""Cohort commitments: a subject is shown its own row, and no other answer can be shown."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.decision import Outcome
from ledger.errors import InvalidInput, NotFound, ProofInvalid
from ledger.transparency.cohort import DENY, PERMIT, Cohort, CohortCommitment, cohort_leaf, verify_cohort
from ledger.transparency.hashing import EMPTY_ROOT
from ledger.transparency.tree import root_of

ID = st.binary(min_size=32, max_size=32)
SALT = st.binary(min_size=16, max_size=16)
ROWS = st.lists(st.tuples(ID, st.booleans(), SALT), min_size=1, max_size=40, unique_by=lambda row: row[0])


def cohort_of(rows):
    return Cohort([row[0] for row in rows], [row[1] for row in rows], b"".join(row[2] for row in rows))


def rows_of(count):
    return [(bytes([number]) * 32, number % 3 == 0, bytes([255 - number]) * 16) for number in range(count)]


def test_the_outcome_byte_is_that_of_the_decision():
    assert (PERMIT, DENY) == (Outcome.PERMIT, Outcome.DENY)


def test_a_leaf_is_the_hash_of_salt_subject_and_outcome():
    expected = sha256(b"\x00" + b"s" * 16 + b"i" * 32 + b"\x01").digest()
    assert cohort_leaf(b"s" * 16, b"i" * 32, permitted=True) == expected
    expected = sha256(b"\x00" + b"s" * 16 + b"i" * 32 + b"\x02").digest()
    assert cohort_leaf(b"s" * 16, b"i" * 32, permitted=False) == expected


@settings(deadline=None, max_examples=40)
@given(ROWS, st.randoms())
def test_the_commitment_is_the_tree_over_the_sorted_rows(rows, random):
    leaves = [cohort_leaf(salt, subject, permitted=permitted) for subject, permitted, salt in sorted(rows)]
    expected = CohortCommitment(len(rows), root_of(leaves))
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert cohort_of(rows).commitment == cohort_of(shuffled).commitment == expected


@settings(deadline=None, max_examples=40)
@given(ROWS)
def test_every_subject_is_shown_its_own_row_and_not_the_opposite(rows):
    cohort = cohort_of(rows)
    for subject, permitted, salt in rows:
        proof = cohort.prove(subject)
        assert (proof.subject, proof.permitted, proof.salt) == (subject, permitted, salt)
        verify_cohort(proof, cohort.commitment)
        with pytest.raises(ProofInvalid, match="do not lead to the root"):
            verify_cohort(replace(proof, permitted=not permitted), cohort.commitment)


def test_any_change_of_a_proof_is_refused():
    cohort = cohort_of(rows_of(20))
    proof = cohort.prove(b"\x06" * 32)
    changed = [
        replace(proof, subject=b"\x07" * 32),
        replace(proof, subject=b"\x06" * 31),
        replace(proof, salt=bytes(16)),
        replace(proof, salt=proof.salt + b"\x00"),
        replace(proof, index=proof.index + 1),
        replace(proof, index=20),
        replace(proof, path=proof.path[:-1]),
        replace(proof, path=(*proof.path, bytes(32))),
        replace(proof, path=(bytes(32), *proof.path[1:])),
    ]
    for other in changed:
        with pytest.raises(ProofInvalid):
            verify_cohort(other, cohort.commitment)
    with pytest.raises(ProofInvalid):
        verify_cohort(proof, replace(cohort.commitment, root=bytes(32)))
    with pytest.raises(ProofInvalid):
        verify_cohort(proof, replace(cohort.commitment, size=5))


def test_other_salts_give_another_root():
    rows = rows_of(5)
    salted = [(subject, permitted, b"\x00" * 16) for subject, permitted, _ in rows]
    assert cohort_of(rows).commitment.root != cohort_of(salted).commitment.root


def test_who_was_not_considered_gets_no_proof():
    cohort = cohort_of(rows_of(5))
    for stranger in (b"\x05" * 32, b"\xff" * 32, b"\x02" * 31 + b"\x03"):
        with pytest.raises(NotFound, match="not among those"):
            cohort.prove(stranger)


def test_nobody_considered_is_the_empty_tree():
    assert cohort_of([]).commitment == CohortCommitment(0, EMPTY_ROOT)


@pytest.mark.parametrize(
    ("subjects", "permitted", "salts"),
    [
        ([bytes(32)], [], bytes(16)),
        ([bytes(32)], [True], bytes(15)),
        ([bytes(32)], [True], bytes(32)),
        ([bytes(31)], [True], bytes(16)),
        ([bytes(32), bytes(32)], [True, False], bytes(32)),
    ],
)
def test_rows_that_do_not_fit_are_refused(subjects, permitted, salts):
    with pytest.raises(InvalidInput):
        Cohort(subjects, permitted, salts)


@pytest.mark.parametrize(("salt", "subject"), [(b"", bytes(32)), (bytes(16), b""), (bytes(17), bytes(31))])
def test_a_row_of_another_length_has_no_leaf(salt, subject):
    with pytest.raises(InvalidInput):
        cohort_leaf(salt, subject, permitted=True)
