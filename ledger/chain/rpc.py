"""A chain behind JSON-RPC: any Ethereum node, permissioned or not.

The node is believed only as far as it must be: what it says of a block asked for by hash must name that hash, and
headers and receipts are checked where proofs are made from them.

Source: https://ethereum.github.io/execution-apis/
"""

from binascii import unhexlify
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import msgspec

from ledger.chain import headers, receipts
from ledger.chain.jsonrpc import Call, RpcError
from ledger.chain.node import NodeRefused, NonceTaken, RawLog, Receipt, Reverted, Transaction
from ledger.chain.several import Rpc, open_ways
from ledger.domain.events import Block
from ledger.errors import LedgerUnreachable, NodesDisagree, NotFound
from ledger.verify.headers import bloom_mask, excludes

_T = TypeVar("_T")

_MOST_TIP = 10**9
_KNOWN = ("already known", "known transaction", "already imported", "already exists", "alreadyknown")
_TAKEN = ("nonce too low", "nonce is too low", "nonce below", "oldnonce", "nonce_too_low")
_FUNDS = ("insufficient funds", "upfront cost exceeds")
_POISON = (
    "intrinsic gas",
    "exceeds block gas limit",
    "exceeds the block gas limit",
    "block gas limit exceeded",
    "gas limit too high",
    "gas limit exceeds",
    "exceeds transaction gas limit",
    "gas_limit",
    "oversized data",
    "invalid chain id",
    "rlp",
)
_OUT_OF_GAS = ("out of gas", "outofgas", "gas required exceeds", "invalid opcode", "invalidfeopcode")
_REVERTED = ("revert",)


class _Log(msgspec.Struct, rename="camel", gc=False):
    address: str
    topics: list[str]
    data: str
    block_number: str
    block_hash: str
    log_index: str
    transaction_hash: str


class _Head(msgspec.Struct, rename="camel"):
    number: str
    hash: str
    parent_hash: str
    timestamp: str
    base_fee_per_gas: str | None = None
    logs_bloom: str | None = None


class _Mined(msgspec.Struct, rename="camel"):
    """A receipt whose logs are not read yet: of two hundred acts they are a third of a megabyte."""

    transaction_hash: str
    block_number: str
    block_hash: str
    transaction_index: str
    status: str
    gas_used: str
    logs: msgspec.Raw


class _Receipt(msgspec.Struct, rename="camel"):
    transaction_index: str
    status: str
    cumulative_gas_used: str
    logs_bloom: str
    logs: list[_Log]
    type: str = "0x0"


class _StorageProof(msgspec.Struct):
    proof: list[str]


class _StateProof(msgspec.Struct, rename="camel"):
    account_proof: list[str]
    storage_proof: list[_StorageProof]


class StateProof(msgspec.Struct, frozen=True):
    """Trie nodes (RLP) from a state root to an account, and from its storage root to each of the keys asked for."""

    account: list[bytes]
    storage: list[list[bytes]]


class _Transaction(msgspec.Struct):
    gas: str
    input: str
    to: str | None = None
    sender: str = msgspec.field(name="from", default="0x")


_logs = msgspec.json.Decoder(list[_Log])
_head = msgspec.json.Decoder(_Head | None)
_transaction = msgspec.json.Decoder(_Transaction | None)
_mined = msgspec.json.Decoder(_Mined | None)
_state_proof = msgspec.json.Decoder(_StateProof)
_block_receipts = msgspec.json.Decoder(list[_Receipt] | None)
_text = msgspec.json.Decoder(str)
_document = msgspec.json.Decoder(dict[str, Any] | None)


class RpcNode:
    """One node by its address.

    Args:
        url: Address of the JSON-RPC endpoint (``http``, ``https``, ``ws`` or ``wss``), or several of the same chain
            with commas between.
        rpc: The connection; made from the address when left out.

    Raises:
        LedgerUnreachable: The node does not answer.
    """

    def __init__(self, url: str, *, rpc: Rpc | None = None) -> None:
        self._rpc = rpc or open_ways(url)
        self._chain_id = self._number("eth_chainId")

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._chain_id

    def head(self) -> Block:
        """The newest block."""
        return self._block("eth_getBlockByNumber", "latest", "newest block")

    def block(self, number: int) -> Block:
        """The block at a height of the canonical chain."""
        return self._block("eth_getBlockByNumber", hex(number), f"block {number}")

    def block_by_hash(self, block_hash: bytes) -> Block:
        """The block with this hash."""
        name = f"0x{block_hash.hex()}"
        return self._block("eth_getBlockByHash", name, f"block {name}")

    def witness(self, block: Block) -> bool:
        """Whether all nodes have this block at its height; False where one cannot say now.

        Raises:
            NodesDisagree: One of them has another block there.
        """
        heads = [
            None if answer is None else _decode(_head, answer)
            for answer in self._rpc.each("eth_getBlockByNumber", hex(block.number), False)
        ]
        for place, head in enumerate(heads, start=1):
            if head is not None and _bytes(head.hash) != block.hash:
                raise NodesDisagree(
                    f"node {place} of {len(heads)} has {head.hash} as the final block {block.number}, and another "
                    f"has 0x{block.hash.hex()}: answers have stopped. Find out which of them lies, and take it out of "
                    "CONSENTRY_RPC_URL"
                )
        return None not in heads

    def blocks(self, first: int, last: int) -> list[Block]:
        """The blocks of an inclusive range, in batches."""
        answers = self._rpc.batch([("eth_getBlockByNumber", [hex(n), False]) for n in range(first, last + 1)])
        return [
            _block_of(_decode(_head, answer), f"block {number}") for number, answer in enumerate(answers, start=first)
        ]

    def header(self, number: int) -> bytes:
        """The RLP of a header."""
        document = _decode(_document, self._rpc.call("eth_getBlockByNumber", hex(number), False))
        if document is None:
            raise NotFound(f"the node has no block {number}")
        return headers.encode(document)

    def logs_between(self, first: int, last: int, addresses: Collection[bytes]) -> list[RawLog]:
        """Logs of these contracts in an inclusive range of blocks, in chain order."""
        query = {"fromBlock": hex(first), "toBlock": hex(last), "address": _names(addresses)}
        return _raw(_decode(_logs, self._rpc.call("eth_getLogs", query)))

    def logs_of(self, block_hash: bytes, addresses: Collection[bytes]) -> list[RawLog]:
        """Logs of these contracts in one block, in order.

        The block is asked for in the same batch: some nodes answer an empty list for a block that they do not have.
        """
        name = f"0x{block_hash.hex()}"
        query = {"blockHash": name, "address": _names(addresses)}
        try:
            head, answer = self._rpc.batch([("eth_getBlockByHash", [name, False]), ("eth_getLogs", [query])])
        except RpcError as problem:
            self.block_by_hash(block_hash)  # NotFound, when that is why
            raise LedgerUnreachable(f"the node does not give the logs of block {name}: {problem}") from problem
        found = _decode(_head, head)
        if found is None:
            raise NotFound(f"the node has no block {name}")
        logs = _raw(_decode(_logs, answer))
        if any(log.block_hash != block_hash for log in logs):
            raise LedgerUnreachable(f"the node answered with logs of another block than {name}; do not trust it")
        if not logs and self._has_logs(found, addresses):
            raise LedgerUnreachable(f"the node left out the logs of block {name}; it is asked again")
        return logs

    def _has_logs(self, head: _Head, addresses: Collection[bytes]) -> bool:
        """Whether a block holds logs of these contracts by its receipts, which are read where its bloom allows it."""
        bloom = int(head.logs_bloom or "0x0", 16)
        if all(excludes(bloom, bloom_mask([address])) for address in addresses):
            return False
        try:
            found = _decode(_block_receipts, self._rpc.call("eth_getBlockReceipts", head.hash))
        except RpcError:  # the node does not know the method: its word stands
            return False
        return any(_bytes(log.address) in addresses for receipt in found or () for log in receipt.logs)

    def receipt(self, transaction: bytes) -> Receipt | None:
        """The receipt of a transaction; None while no block of the canonical chain holds it."""
        found = _decode(_mined, self._rpc.call("eth_getTransactionReceipt", f"0x{transaction.hex()}"))
        return None if found is None else _receipt_of(found)

    def receipts(self, transactions: Sequence[bytes], topic: bytes) -> list[Receipt | None]:
        """The receipts of several transactions, in batches; logs that do not start with ``topic`` are left out."""
        calls: list[Call] = [("eth_getTransactionReceipt", [f"0x{transaction.hex()}"]) for transaction in transactions]
        wanted = f"0x{topic.hex()}"
        return [
            None if found is None else _receipt_of(found, wanted)
            for found in (_decode(_mined, answer) for answer in self._rpc.batch(calls))
        ]

    def transaction(self, transaction: bytes) -> Transaction:
        """What a mined transaction asked for."""
        name = f"0x{transaction.hex()}"
        found = _decode(_transaction, self._rpc.call("eth_getTransactionByHash", name))
        if found is None:
            raise NotFound(f"the node has no transaction {name}")
        return Transaction(_bytes(found.sender), _bytes(found.to or "0x"), int(found.gas, 16), _bytes(found.input))

    def receipts_of(self, block_hash: bytes) -> list[bytes]:
        """The consensus encodings of a block's receipts, in order."""
        name = f"0x{block_hash.hex()}"
        found = _decode(_block_receipts, self._rpc.call("eth_getBlockReceipts", name))
        if found is None:
            raise NotFound(f"the node has no block {name}")
        return [
            receipts.encode(
                int(receipt.type, 16),
                succeeded=receipt.status == "0x1",
                cumulative_gas=int(receipt.cumulative_gas_used, 16),
                bloom=_bytes(receipt.logs_bloom),
                logs=_raw(receipt.logs),
            )
            for receipt in sorted(found, key=lambda receipt: int(receipt.transaction_index, 16))
        ]

    def state_proof(self, account: bytes, keys: Sequence[bytes], number: int) -> StateProof:
        """The nodes that lead to an account and to these keys of its storage, as of a block."""
        found = _decode(
            _state_proof,
            self._rpc.call("eth_getProof", f"0x{account.hex()}", [f"0x{key.hex()}" for key in keys], hex(number)),
        )
        if len(found.storage_proof) != len(keys):
            raise LedgerUnreachable(f"the node proved {len(found.storage_proof)} of {len(keys)} words of storage")
        return StateProof(
            [_bytes(node) for node in found.account_proof],
            [[_bytes(node) for node in part.proof] for part in found.storage_proof],
        )

    def nonce(self, account: bytes) -> int:
        """The next nonce of an account, its pending transactions counted."""
        return self._number("eth_getTransactionCount", f"0x{account.hex()}", "pending")

    def gas_price(self) -> int:
        """Twice the base fee and the proposed tip; without a base fee, what the node proposes.

        Room for a few full blocks comes from the base fee alone, and the tip is bounded: nodes propose what was paid
        lately, which on a quiet chain is what we paid ourselves.
        """
        newest, proposed = self._rpc.batch([("eth_getBlockByNumber", ["latest", False]), ("eth_gasPrice", [])])
        head = _decode(_head, newest)
        price = int(_decode(_text, proposed), 16)
        if head is None or head.base_fee_per_gas is None:
            return price
        base = int(head.base_fee_per_gas, 16)
        return 2 * base + min(max(price - base, 0), _MOST_TIP)

    def code(self, account: bytes) -> bytes:
        """The code at an address, as of the newest block."""
        return _bytes(_decode(_text, self._rpc.call("eth_getCode", f"0x{account.hex()}", "latest")))

    def call(
        self, to: bytes, data: bytes, *, sender: bytes = bytes(20), block: int | None = None, gas: int | None = None
    ) -> bytes:
        """Run a call at a block and throw its effects away.

        Raises:
            Reverted: The contract reverted, or ran out of gas (without data).
        """
        request = {"from": f"0x{sender.hex()}", "to": f"0x{to.hex()}", "data": f"0x{data.hex()}"}
        if gas is not None:
            request["gas"] = hex(gas)
        try:
            answer = self._rpc.call("eth_call", request, "latest" if block is None else hex(block))
        except RpcError as problem:
            reverted = _revert_data(problem)
            if reverted is None:
                raise
            raise Reverted(reverted) from problem
        return _bytes(_decode(_text, answer))

    def send(self, raw: bytes) -> None:
        """Hand over a signed transaction; harmless when the node has it.

        Raises:
            NonceTaken: A mined transaction, maybe this one, has its nonce.
            NodeRefused: The node will never take it.
            LedgerUnreachable: It does not take it now.
        """
        try:
            self._rpc.call("eth_sendRawTransaction", f"0x{raw.hex()}")
        except RpcError as problem:
            message = problem.message.lower()
            if any(words in message for words in _KNOWN):
                return
            if any(words in message for words in _TAKEN):
                raise NonceTaken(f"the node says that the transaction's nonce is used: {problem.message}") from problem
            if any(words in message for words in _POISON):
                raise NodeRefused(f"the node does not take the transaction: {problem.message}") from problem
            if any(words in message for words in _FUNDS):
                raise LedgerUnreachable(
                    f"the node does not take the transaction: {problem.message}; fund the sending account"
                ) from problem
            raise

    def close(self) -> None:
        """Close the connections."""
        self._rpc.close()

    def _number(self, method: str, *params: Any) -> int:
        return int(_decode(_text, self._rpc.call(method, *params)), 16)

    def _block(self, method: str, which: str, name: str) -> Block:
        return _block_of(_decode(_head, self._rpc.call(method, which, False)), name)


def _decode(decoder: msgspec.json.Decoder[_T], answer: msgspec.Raw) -> _T:
    try:
        return decoder.decode(answer)
    except msgspec.MsgspecError as problem:
        raise LedgerUnreachable(f"the node answered in a form that is not Ethereum's: {problem}") from problem


def _block_of(head: _Head | None, name: str) -> Block:
    if head is None:
        raise NotFound(f"the node has no {name}")
    return Block(int(head.number, 16), _bytes(head.hash), _bytes(head.parent_hash), int(head.timestamp, 16))


def _receipt_of(found: _Mined, topic: str | None = None) -> Receipt:
    logs: list[_Log] = []
    if topic is None or topic.encode() in bytes(found.logs):
        logs = [log for log in _decode(_logs, found.logs) if topic is None or topic in log.topics[:1]]
    return Receipt(
        _bytes(found.transaction_hash),
        int(found.block_number, 16),
        _bytes(found.block_hash),
        int(found.transaction_index, 16),
        found.status == "0x1",
        int(found.gas_used, 16),
        tuple(_raw(logs)),
    )


class _Bytes(dict[str, bytes]):
    """The bytes of hex texts, each read once."""

    def __missing__(self, text: str) -> bytes:
        self[text] = found = unhexlify(text[2:])
        return found


class _Numbers(dict[str, int]):
    """The same for numbers."""

    def __missing__(self, text: str) -> int:
        self[text] = found = int(text, 16)
        return found


def _raw(logs: list[_Log]) -> list[RawLog]:
    """Logs as they are; what thousands of them share (contract, kind, block, transaction) is read once."""
    known, numbers = _Bytes(), _Numbers()
    try:
        return [
            RawLog(
                known[log.address],
                _topics(log.topics, known),
                unhexlify(log.data[2:]),
                numbers[log.block_number],
                known[log.block_hash],
                numbers[log.log_index],
                known[log.transaction_hash],
            )
            for log in logs
        ]
    except ValueError as problem:
        raise LedgerUnreachable(f"the node answered with a log that is not in hex: {problem}") from problem


def _topics(texts: list[str], known: _Bytes) -> tuple[bytes, ...]:
    """The topics of a log, the first of which many share."""
    if len(texts) == 3:  # as nearly all have: a consent's kind, subject and id
        return known[texts[0]], unhexlify(texts[1][2:]), unhexlify(texts[2][2:])
    return tuple([unhexlify(text[2:]) for text in texts])


def _revert_data(problem: RpcError) -> bytes | None:
    """What the contract gave back with its revert; None when the error is of another kind."""
    data = problem.data.get("data") if isinstance(problem.data, dict) else problem.data
    if isinstance(data, str):
        text = data.removeprefix("Reverted ").removeprefix("0x")
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    message = problem.message.lower()
    if problem.code == 3 or any(words in message for words in (*_REVERTED, *_OUT_OF_GAS)):
        return b""
    return None


def _names(addresses: Collection[bytes]) -> list[str]:
    return [f"0x{address.hex()}" for address in sorted(addresses)]


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text[2:])
    except ValueError as problem:
        raise LedgerUnreachable(f"the node answered {text[:80]!r} where hex belongs") from problem
