"""Several nodes asked as one: who answers, who rests, and who contradicts."""

import msgspec
import pytest

from ledger.chain.jsonrpc import RpcError
from ledger.chain.rpc import RpcNode
from ledger.chain.several import Several
from ledger.domain.events import Block
from ledger.errors import LedgerUnreachable, NodesDisagree

HEAD = {"number": "0x5", "hash": "0x" + "07" * 32, "parentHash": "0x" + "06" * 32, "timestamp": "0x10"}
OTHER = HEAD | {"hash": "0x" + "08" * 32}
BLOCK = Block(5, b"\x07" * 32, b"\x06" * 32, 16)


class Way:
    """One node; ``fault`` is raised instead of an answer."""

    def __init__(self, head=HEAD) -> None:
        self.head = head
        self.fault: Exception | None = None
        self.asked = 0

    def call(self, method, *_params):
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return msgspec.Raw(msgspec.json.encode("0x1" if method == "eth_chainId" else self.head))

    def batch(self, calls):
        return [self.call(method, *params) for method, params in calls]

    def each(self, method, *params):
        return [self.call(method, *params)]

    def close(self):
        pass


class Nodes:
    def __init__(self, *ways: Way) -> None:
        self.ways, self.at = ways, 0.0
        self.several = Several(ways, now=lambda: self.at)
        self.node = RpcNode("", rpc=self.several)
        for way in ways:
            way.asked = 0

    @property
    def asked(self) -> list[int]:
        return [way.asked for way in self.ways]


def test_the_first_node_is_asked_while_it_answers():
    nodes = Nodes(Way(), Way())
    assert nodes.node.head() == nodes.node.blocks(5, 5)[0] == BLOCK
    assert nodes.asked == [2, 0]


def test_a_node_that_is_away_is_passed_over_until_its_rest_is_over():
    nodes = Nodes(Way(), Way())
    nodes.ways[0].fault = LedgerUnreachable("down")
    for _ in range(3):
        assert nodes.node.head() == BLOCK
    assert nodes.asked == [1, 3]
    nodes.ways[0].fault = None
    nodes.at += 2
    nodes.node.head()
    assert nodes.asked == [2, 3]


def test_rests_grow_up_to_a_minute():
    nodes = Nodes(Way(), Way())
    nodes.ways[0].fault = LedgerUnreachable("down")
    rests = []
    for _ in range(12):
        nodes.node.head()
        rests.append(nodes.several._rests_until[0] - nodes.at)
        nodes.at = nodes.several._rests_until[0]
    assert all(0.5 * min(60, 2**n) <= rest <= min(60, 2**n) for n, rest in enumerate(rests))


def test_nodes_that_rest_are_asked_when_no_other_is_left():
    nodes = Nodes(Way(), Way())
    for way in nodes.ways:
        way.fault = LedgerUnreachable("down")
    with pytest.raises(LedgerUnreachable, match="none of 2"):
        nodes.node.head()
    nodes.ways[1].fault = None
    assert nodes.node.head() == BLOCK


def test_an_error_that_a_node_answers_is_not_asked_again_elsewhere():
    nodes = Nodes(Way(), Way())
    nodes.ways[0].fault = RpcError("eth_getLogs", -32005, "too many", None)
    with pytest.raises(RpcError):
        nodes.node.head()
    assert nodes.asked == [1, 0]


def test_a_block_that_all_nodes_have_is_witnessed():
    assert Nodes(Way(), Way(), Way()).node.witness(BLOCK)
    assert Nodes(Way()).node.witness(BLOCK)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_node_that_contradicts_is_enough(place):
    ways = [Way(), Way(), Way()]
    ways[place].head = OTHER
    with pytest.raises(NodesDisagree, match=f"node {place + 1} of 3"):
        Nodes(*ways).node.witness(BLOCK)


@pytest.mark.parametrize("fault", [LedgerUnreachable("down"), RpcError("", 1, "no", None)])
def test_a_node_that_cannot_say_leaves_a_block_without_a_witness(fault):
    nodes = Nodes(Way(), Way())
    nodes.ways[1].fault = fault
    assert not nodes.node.witness(BLOCK)
    behind = Nodes(Way(), Way(None))
    assert not behind.node.witness(BLOCK)
