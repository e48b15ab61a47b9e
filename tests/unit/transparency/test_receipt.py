"""Receipts: they come back as they were issued, and promise nothing that contradicts itself."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidInput, ProofInvalid
from ledger.transparency.checkpoint import Checkpoint, origin_of, verify_checkpoint, write_checkpoint
from ledger.transparency.cohort import CohortCommitment
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.jws import sign_jws, verify_jws
from ledger.transparency.keys import KeySet, SigningKey
from ledger.transparency.note import NoteSigner
from ledger.transparency.proofs import verify_inclusion
from ledger.transparency.receipt import (
    APPEND_TYPE,
    DECISION_TYPE,
    AppendReceipt,
    ConsentVersion,
    DecisionReceipt,
    issue_append,
    issue_decision,
    open_append,
    open_decision,
)
from ledger.transparency.tree import Tree

ID = st.binary(min_size=32, max_size=32)
COUNT = st.integers(0, 2**53 - 1)
WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DECISIONS = st.builds(
    DecisionReceipt,
    decision=WORD,
    request=ID,
    at=COUNT,
    outcome=st.sampled_from(["permit", "deny"]),
    reasons=st.lists(WORD, max_size=3).map(tuple),
    consents=st.lists(st.builds(ConsentVersion, ID, st.integers(1, 2**24 - 1)), max_size=3).map(tuple),
    block_number=COUNT,
    block_hash=ID,
    policy=WORD,
    valid_until=COUNT,
    cohort=st.none() | st.builds(CohortCommitment, COUNT, ID),
)
DECISION = DecisionReceipt("d1", bytes(32), 7, "deny", ("no_consent",), (), 3, b"\x01" * 32, "1", 9)


@pytest.fixture
def tree():
    grown = Tree()
    grown.extend([leaf_hash(bytes([number])) for number in range(9)])
    return grown


@pytest.fixture
def append(log, tree, note_signer):
    note = write_checkpoint(Checkpoint(log, tree.size, tree.root()), [note_signer])
    return AppendReceipt(log, 8, leaf_hash(b"\x08"), note)


def test_an_append_receipt_holds_up_to_the_root(append, key, keys, note_signer, tree):
    receipt = open_append(issue_append(append, key), keys)
    assert receipt == append
    head = verify_checkpoint(receipt.checkpoint, [note_signer.verifier], append.log)
    proof = tree.inclusion_proof(receipt.index, head.size)
    verify_inclusion(receipt.entry, receipt.index, head.size, proof, head.root)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 20), st.integers(2, 30))
def test_a_receipt_of_a_batch_holds_for_each_of_its_entries_and_no_others(first, count):
    log, key = b"\x0a" * 32, SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    leaves = [leaf_hash(bytes([number])) for number in range(first + count + 1)]
    log_tree, batch = Tree(), Tree()
    log_tree.extend(leaves)
    batch.extend(leaves[first : first + count])
    signer = NoteSigner(origin_of(log), Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
    note = write_checkpoint(Checkpoint(log, log_tree.size, log_tree.root()), [signer])
    receipt = open_append(issue_append(AppendReceipt(log, first, batch.root(), note, count), key), KeySet([key.public]))
    assert (receipt.index, receipt.count) == (first, count)
    assert receipt.promises(leaves[first : first + count])
    assert not receipt.promises(leaves[first : first + count - 1])
    assert not receipt.promises(leaves[first + 1 : first + count + 1])
    assert not receipt.promises(leaves[first : first + count][::-1])
    head = verify_checkpoint(receipt.checkpoint, [signer.verifier], log)
    for place in range(count):
        leaf = leaves[first + place]
        verify_inclusion(leaf, place, count, batch.inclusion_proof(place), receipt.entry)
        verify_inclusion(leaf, first + place, head.size, log_tree.inclusion_proof(first + place), head.root)


def test_a_receipt_of_a_batch_says_how_many_it_is_of(append, key, keys):
    stated = verify_jws(issue_append(replace(append, index=6, count=3), key), keys, APPEND_TYPE)
    assert (stated["index"], stated["count"]) == (6, 3)


@pytest.mark.parametrize(("index", "count"), [(7, 3), (0, 10), (8, 2)], ids=["its end", "all and one", "the last two"])
def test_a_batch_that_its_checkpoint_does_not_hold_whole_is_not_promised(append, key, index, count):
    with pytest.raises(InvalidInput, match="does not hold"):
        issue_append(replace(append, index=index, count=count), key)


@pytest.mark.parametrize("count", [1, 0, -1, "3", True, 2**53 - 1])
def test_a_count_that_no_batch_has_is_refused_though_it_is_signed(append, key, keys, count):
    stated = verify_jws(issue_append(replace(append, index=6, count=3), key), keys, APPEND_TYPE)
    with pytest.raises(ProofInvalid):
        open_append(sign_jws({**stated, "count": count}, key, APPEND_TYPE), keys)


def test_an_append_receipt_is_this_document(append, key, keys):
    assert verify_jws(issue_append(append, key), keys, APPEND_TYPE) == {
        "checkpoint": append.checkpoint,
        "entry": "0x" + append.entry.hex(),
        "index": 8,
        "log": "0x" + append.log.hex(),
    }


@pytest.mark.parametrize(
    "changes", [{"index": 9}, {"log": b"\xff" * 32}, {"checkpoint": "x"}, {"index": -1}, {"entry": b"short"}]
)
def test_an_append_receipt_that_contradicts_itself_is_not_issued(append, key, changes):
    with pytest.raises(InvalidInput):
        issue_append(replace(append, **changes), key)


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 9},
        {"index": -1},
        {"index": "8"},
        {"index": True},
        {"log": "0x" + "ff" * 32},
        {"log": "0x" + "00" * 31},
        {"entry": "0x" + "AB" * 32},
        {"entry": "0x" + "ab" * 32 + "\n"},
        {"checkpoint": ""},
        {"checkpoint": None},
        {"extra": 1},
    ],
)
def test_an_append_receipt_that_contradicts_itself_is_refused_though_it_is_signed(append, key, keys, changes):
    payload = verify_jws(issue_append(append, key), keys, APPEND_TYPE)
    with pytest.raises(ProofInvalid):
        open_append(sign_jws(payload | changes, key, APPEND_TYPE), keys)


def test_a_field_less_is_refused(append, key, keys):
    payload = verify_jws(issue_append(append, key), keys, APPEND_TYPE)
    for field in payload:
        with pytest.raises(ProofInvalid, match="not a receipt of this kind"):
            open_append(sign_jws({name: payload[name] for name in payload if name != field}, key, APPEND_TYPE), keys)
    decision = verify_jws(issue_decision(DECISION, key), keys, DECISION_TYPE)
    for field in decision:
        with pytest.raises(ProofInvalid, match="not a receipt of this kind"):
            open_decision(
                sign_jws({name: decision[name] for name in decision if name != field}, key, DECISION_TYPE), keys
            )


@settings(deadline=None, max_examples=40)
@given(receipt=DECISIONS)
def test_a_decision_receipt_comes_back(receipt):
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
    assert open_decision(issue_decision(receipt, key), KeySet([key.public])) == receipt


def test_one_kind_of_receipt_is_not_taken_for_the_other(append, key, keys):
    with pytest.raises(ProofInvalid, match="typ"):
        open_decision(issue_append(append, key), keys)
    with pytest.raises(ProofInvalid, match="typ"):
        open_append(issue_decision(DECISION, key), keys)


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "maybe"},
        {"request": b""},
        {"at": -1},
        {"valid_until": 2**53},
        {"block_hash": b"x"},
        {"consents": (ConsentVersion(bytes(32), 0),)},
        {"consents": (ConsentVersion(bytes(31), 1),)},
        {"cohort": CohortCommitment(-1, bytes(32))},
        {"reasons": (1,)},
    ],
)
def test_a_decision_receipt_out_of_range_is_not_issued(changes, key):
    with pytest.raises(InvalidInput):
        issue_decision(replace(DECISION, **changes), key)


@pytest.mark.parametrize(
    "changes",
    [{"outcome": "PERMIT"}, {"outcome": 1}, {"cohort": {}}, {"block": None}, {"reasons": "x"}, {"consents": [{}]}],
)
def test_a_decision_receipt_of_another_shape_is_refused_though_it_is_signed(changes, key, keys):
    payload = verify_jws(issue_decision(DECISION, key), keys, DECISION_TYPE)
    with pytest.raises(ProofInvalid, match="not a receipt of this kind"):
        open_decision(sign_jws(payload | changes, key, DECISION_TYPE), keys)
