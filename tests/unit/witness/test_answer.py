"""The witness: it signs what extends the last head, and nothing else (C2SP tlog-witness)."""

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ledger.transparency.checkpoint import Checkpoint, origin_of, write_checkpoint
from ledger.transparency.cosignature import cosigned
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.note import NoteSigner
from ledger.transparency.tree import Tree
from ledger.transparency.witness import Ask
from ledger.witness.answer import Witness
from ledger.witness.memory import WitnessMemory

LOG = bytes(range(32))
NOTE = NoteSigner(origin_of(LOG), Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))


class Noon:
    def now(self):
        return 1_790_000_000


def tree_of(size, name="a"):
    tree = Tree()
    tree.extend([leaf_hash(f"{name}{number}".encode()) for number in range(size)])
    return tree


def note_of(tree, signer=NOTE, log=LOG):
    return write_checkpoint(Checkpoint(log, tree.size, tree.root()), [signer])


def ask(tree, old, signer=NOTE):
    return str(Ask(old, tuple(tree.consistency_proof(old)), note_of(tree, signer))).encode()


@pytest.fixture
def witness(tmp_path):
    return make(tmp_path / "heads.sqlite")


def make(path):
    private = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
    return Witness("w.example", private, {NOTE.name: [NOTE.verifier]}, WitnessMemory(path), Noon())


def test_the_first_head_and_those_that_extend_it_are_signed(witness):
    for old, size in [(0, 5), (5, 5), (5, 9), (9, 300)]:
        tree = tree_of(size)
        answer = witness.add_checkpoint(ask(tree, old))
        assert answer.status == 200, answer.body
        assert cosigned(note_of(tree) + answer.body, [witness.key]) == {"w.example": 1_790_000_000}


def test_a_wrong_old_size_is_told_the_right_one(witness):
    witness.add_checkpoint(ask(tree_of(5), 0))
    for old in (0, 3):
        answer = witness.add_checkpoint(ask(tree_of(9), old))
        assert (answer.status, answer.body, answer.content_type) == (409, "5\n", "text/x.tlog.size")


def test_another_head_of_the_same_size_is_never_signed(witness):
    witness.add_checkpoint(ask(tree_of(5), 0))
    assert witness.add_checkpoint(ask(tree_of(5, "b"), 5)).status == 409
    fork = str(Ask(5, tuple(tree_of(9, "b").consistency_proof(5)), note_of(tree_of(9, "b")))).encode()
    assert witness.add_checkpoint(fork).status == 422


def test_a_proof_from_nothing_is_refused(witness):
    body = str(Ask(0, (bytes(32),), note_of(tree_of(5)))).encode()
    assert witness.add_checkpoint(body).status == 422


def test_only_known_logs_and_their_own_keys_count(witness):
    stranger = Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)
    other = bytes(32)
    elsewhere = str(Ask(0, (), note_of(tree_of(5), NoteSigner(origin_of(other), stranger), other))).encode()
    assert witness.add_checkpoint(elsewhere).status == 404
    assert witness.add_checkpoint(ask(tree_of(5), 0, NoteSigner(NOTE.name, stranger))).status == 403
    assert witness.memory.last(NOTE.name).size == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"old 0\n\n",
        b"old 00\n\nx",
        b"old x\n\nx",
        b"older\n\nx",
        b"old 0\nAAAA\n\nx",
        b"old 0\n" + b"A" * 200_000,
        str(Ask(6, (), note_of(tree_of(5)))).encode(),
    ],
)
def test_what_is_no_request_is_refused(witness, body):
    assert witness.add_checkpoint(body).status == 400


def test_two_processes_on_one_memory_never_sign_two_branches(tmp_path):
    path = tmp_path / "heads.sqlite"
    make(path).add_checkpoint(ask(tree_of(4), 0))
    bodies = [
        str(Ask(4, tuple(tree.consistency_proof(4)), note_of(tree))).encode()
        for tree in (forked(4, 3, name) for name in "bcdefgh")
    ]
    answers = []
    threads = [
        threading.Thread(target=lambda body=body: answers.append(make(path).add_checkpoint(body).status))
        for body in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * (len(bodies) - 1)


def forked(common, more, name):
    tree = tree_of(common)
    tree.extend([leaf_hash(f"{name}{number}".encode()) for number in range(more)])
    return tree


class Watching(RuleBasedStateMachine):
    """Whatever is sent in whatever order, the heads that were signed lie on one line."""

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.witness = make(Path(self.folder.name) / "heads.sqlite")
        self.signed = []

    @rule(common=st.integers(0, 6), more=st.integers(0, 6), name=st.sampled_from("ab"), old=st.integers(0, 12))
    def send(self, common, more, name, old):
        tree = forked(common, more, name)
        if old > tree.size:
            return
        if self.witness.add_checkpoint(ask(tree, old)).status != 200:
            return
        for size, root in self.signed:
            assert size <= tree.size
            assert size == 0 or tree.root(size) == root
        self.signed.append((tree.size, tree.root()))

    def teardown(self):
        self.folder.cleanup()


TestWatching = Watching.TestCase
TestWatching.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
