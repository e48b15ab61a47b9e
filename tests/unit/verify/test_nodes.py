"""The block of a bundle at several nodes: all must have it, and one alone is not enough."""

from types import SimpleNamespace

import pytest

from ledger.errors import CannotCheck, NotReady, ProofInvalid
from ledger.verify.nodes import check_canonical

HASH = "0x" + "ab" * 32
MANIFEST = SimpleNamespace(trusted=SimpleNamespace(number=7, hash=HASH), chain=SimpleNamespace(id=10))


class Node:
    def __init__(self, name, **answers):
        self.name = name
        self.answers = {"chain": "0xa", "at": {"hash": HASH}, "final": {"number": "0x9"}} | answers

    def ask(self, method, *params):
        if self.answers.get("away"):
            raise NotReady("away")
        if method == "eth_chainId":
            return self.answers["chain"]
        return self.answers["final" if params[0] == "finalized" else "at"]


def test_two_nodes_that_have_the_block_are_enough():
    words = check_canonical(
        MANIFEST, bytes.fromhex("ab" * 32), [Node("a", final={"number": "0x7"}), Node("b", final={"number": "0x6"})]
    )
    assert words == "block 7 is on the chain of a (final), b (not final yet)"


@pytest.mark.parametrize("nodes", [[Node("a")], [Node("a"), Node("a")]])
def test_one_node_alone_is_not_enough(nodes):
    with pytest.raises(CannotCheck, match="second node"):
        check_canonical(MANIFEST, None, nodes)


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"at": {"hash": "0x" + "cd" * 32}}, ProofInvalid),
        ({"at": {}}, ProofInvalid),
        ({"at": "0x"}, ProofInvalid),
        ({"chain": "0xb"}, ProofInvalid),
        ({"at": None}, CannotCheck),
        ({"away": True}, CannotCheck),
    ],
)
def test_one_that_has_it_not_is_heard(answers, problem):
    with pytest.raises(problem):
        check_canonical(MANIFEST, None, [Node("a"), Node("b", **answers)])


def test_the_hash_that_was_given_counts_before_the_bundles_own():
    with pytest.raises(ProofInvalid):
        check_canonical(MANIFEST, bytes(32), [Node("a"), Node("b")])
