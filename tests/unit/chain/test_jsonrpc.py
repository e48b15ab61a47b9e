"""Faults of a node and of the way to it, which is a stand-in: nothing leaves the process."""

import json

import pytest

from ledger.chain.jsonrpc import JsonRpc, RpcError
from ledger.chain.node import NodeRefused, NonceTaken, Reverted
from ledger.chain.rpc import RpcNode
from ledger.chain.websocket import ExchangeFailed
from ledger.errors import LedgerUnreachable, NotFound

HASH = b"\x07" * 32
HEAD = {"number": "0x5", "hash": "0x" + "07" * 32, "parentHash": "0x" + "06" * 32, "timestamp": "0x10"}


class Server:
    """A way to a node that answers by method; a function gets the params. Counts requests."""

    def __init__(self, **answers) -> None:
        self.answers = {"eth_chainId": "0x1", **answers}
        self.faults: list[ExchangeFailed | bytes] = []
        self.requests = 0
        self.slept: list[float] = []

    def post(self, content: bytes) -> bytes:
        self.requests += 1
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        body = json.loads(content)
        answers = [self.answer(call) for call in (body if isinstance(body, list) else [body])]
        # A batch may come back in any order.
        return json.dumps(answers[::-1] if isinstance(body, list) else answers[0]).encode()

    def close(self) -> None:
        """Nothing is open."""

    def answer(self, call):
        found = self.answers[call["method"]]
        if callable(found):
            found = found(*call["params"])
        if isinstance(found, RpcError):
            error = {"code": found.code, "message": found.message, "data": found.data}
            return {"jsonrpc": "2.0", "id": call["id"], "error": error}
        return {"jsonrpc": "2.0", "id": call["id"], "result": found}

    def rpc(self) -> JsonRpc:
        return JsonRpc("http://node", way=self, sleep=self.slept.append)

    def node(self) -> RpcNode:
        return RpcNode("http://node", rpc=self.rpc())


def error(message, code=-32000, data=None):
    return RpcError("", code, message, data)


def test_faults_of_the_way_are_retried_with_growing_pauses():
    server = Server()
    server.faults = [ExchangeFailed(reason) for reason in ("no connection", "HTTP 503", "HTTP 429")]
    assert bytes(server.rpc().call("eth_chainId")) == b'"0x1"'
    assert server.requests == 4
    assert len(server.slept) == 3
    assert all(0.5 * 0.2 * 2**n <= pause <= 0.2 * 2**n for n, pause in enumerate(server.slept, start=1))


def test_a_node_that_stays_away_is_unreachable():
    server = Server()
    server.faults = [ExchangeFailed("slow")] * 10
    with pytest.raises(LedgerUnreachable, match="4 attempts"):
        server.rpc().call("eth_chainId")


@pytest.mark.parametrize("body", [b"<html>", b"{}x", b'"text"', b""])
def test_what_is_not_json_rpc_is_told(body):
    server = Server()
    server.faults = [body] * 2
    with pytest.raises(LedgerUnreachable, match="JSON-RPC"):
        server.rpc().call("eth_chainId")
    with pytest.raises(LedgerUnreachable, match="JSON-RPC"):
        server.rpc().batch([("eth_chainId", [])])


def test_batches_are_put_back_in_order_and_an_answer_left_out_is_noticed():
    server = Server(echo=lambda number: number)
    calls = [("echo", [number]) for number in range(1200)]
    assert [int(answer) for answer in server.rpc().batch(calls)] == list(range(1200))
    assert server.requests == 3
    server.faults = [b'[{"id": 0, "result": 1}]']
    with pytest.raises(LedgerUnreachable, match="without an answer"):
        server.rpc().batch(calls[:2])


def test_an_error_of_the_node_is_not_retried():
    server = Server(eth_getLogs=error("query returned more than 10000 results", -32005))
    with pytest.raises(LedgerUnreachable, match="10000 results"):
        server.node().logs_between(0, 10, [bytes(20)])
    assert server.requests == 2


def test_logs_of_a_block_that_the_node_lost_are_not_an_empty_list():
    server = Server(eth_getBlockByHash=None, eth_getLogs=[])
    with pytest.raises(NotFound):
        server.node().logs_of(HASH, [bytes(20)])
    server = Server(eth_getBlockByHash=None, eth_getLogs=error("unknown block"))
    with pytest.raises(NotFound):
        server.node().logs_of(HASH, [bytes(20)])
    server = Server(eth_getBlockByHash=HEAD, eth_getLogs=[])
    assert server.node().logs_of(HASH, [bytes(20)]) == []


def test_logs_of_another_block_are_not_believed():
    log = {
        "address": "0x" + "00" * 20,
        "topics": [],
        "data": "0x",
        "blockNumber": "0x5",
        "blockHash": "0x" + "08" * 32,
        "logIndex": "0x0",
        "transactionHash": "0x" + "09" * 32,
    }
    server = Server(eth_getBlockByHash=HEAD, eth_getLogs=[log])
    with pytest.raises(LedgerUnreachable, match="another block"):
        server.node().logs_of(HASH, [bytes(20)])


@pytest.mark.parametrize("answer", [{"number": 5}, "0x5", {**HEAD, "hash": "0xzz"}])
def test_answers_of_another_form_are_told(answer):
    with pytest.raises(LedgerUnreachable):
        Server(eth_getBlockByNumber=answer).node().head()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("already known", None),
        ("Known transaction", None),
        ("nonce too low: next nonce 5, tx nonce 4", NonceTaken),
        ("Nonce too low", NonceTaken),
        ("intrinsic gas too low", NodeRefused),
        ("exceeds block gas limit", NodeRefused),
        ("insufficient funds for gas * price + value", LedgerUnreachable),
        ("replacement transaction underpriced", LedgerUnreachable),
        ("txpool is full", LedgerUnreachable),
    ],
)
def test_refusals_of_transactions_are_told_apart(message, expected):
    node = Server(eth_sendRawTransaction=error(message)).node()
    if expected is None:
        node.send(b"\x01")
    else:
        with pytest.raises(expected):
            node.send(b"\x01")


@pytest.mark.parametrize(
    ("answer", "data"),
    [
        (error("execution reverted", 3, "0x01020304"), b"\x01\x02\x03\x04"),
        (error("VM execution error", -32015, "Reverted 0x0102"), b"\x01\x02"),
        (error("execution reverted", -32000, {"data": "0x05"}), b"\x05"),
        (error("execution reverted"), b""),
        (error("out of gas"), b""),
    ],
)
def test_reverts_are_read_in_the_forms_of_many_nodes(answer, data):
    with pytest.raises(Reverted) as caught:
        Server(eth_call=answer).node().call(bytes(20), b"")
    assert caught.value.data == data


def test_a_state_that_is_pruned_is_not_a_revert():
    with pytest.raises(LedgerUnreachable):
        Server(eth_call=error("missing trie node")).node().call(bytes(20), b"", block=1)


@pytest.mark.parametrize(
    ("base", "proposed", "expected"),
    [
        (None, 7, 7),
        (None, 0, 0),
        ("0x0", 0, 0),
        ("0x64", 150, 250),
        ("0x64", 10**12, 200 + 10**9),
        ("0x64", 50, 200),
    ],
)
def test_the_price_does_not_follow_our_own_price_upwards(base, proposed, expected):
    head = HEAD if base is None else HEAD | {"baseFeePerGas": base}
    node = Server(eth_getBlockByNumber=head, eth_gasPrice=hex(proposed)).node()
    assert node.gas_price() == expected
