"""The embedded chain as a node: one file under the data folder, one process that writes.

Each transaction that is sent makes a block at once. A process that only reads opens the same file beside the one that
writes, and sees whole blocks. A lock file keeps a second writer out; the system frees it when its holder dies.
"""

import fcntl
import os
import secrets
from collections.abc import Collection, Sequence
from pathlib import Path

from eth.abc import BlockHeaderAPI
from eth.exceptions import HeaderNotFound, TransactionNotFound
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from ledger.chain import receipts
from ledger.chain.evm import GAS_LIMIT, Evm
from ledger.chain.hashing import keccak
from ledger.chain.node import NodeRefused, NonceTaken, RawLog, Receipt, Reverted, Transaction
from ledger.domain.events import Block
from ledger.errors import NotFound, WrongState
from ledger.ports import Clock

_CALL_GAS = GAS_LIMIT // 2


class EmbeddedNode:
    """The embedded chain.

    Args:
        folder: Holds ``chain.sqlite`` and its lock; made when missing.
        clock: Gives the blocks their timestamps.
        writable: Whether this process sends transactions.

    Raises:
        WrongState: Another process holds the chain for writing.
        NotFound: Opened for reading only, and there is no chain yet.
    """

    def __init__(self, folder: Path, clock: Clock, *, writable: bool = True) -> None:
        path = (folder / "chain.sqlite").absolute()
        self._clock = clock
        self._lock = _exclusive(folder / "lock") if writable else None
        try:
            self._writing = None
            if writable:
                self._writing = Evm(path, writable=True, genesis=(_new_chain_id(), clock.now()))
            self._reading = Evm(path, writable=False)
        except BaseException:
            self.close()
            raise

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id, drawn when the chain began."""
        return self._reading.chain_id

    def head(self) -> Block:
        """The newest block."""
        with self._reading.view() as chain:
            return _block(chain.get_canonical_head())

    def block(self, number: int) -> Block:
        """The block at a height."""
        with self._reading.view():
            return _block(self._header(number))

    def block_by_hash(self, block_hash: bytes) -> Block:
        """The block with this hash."""
        with self._reading.view():
            return _block(self._header(block_hash))

    def blocks(self, first: int, last: int) -> list[Block]:
        """The blocks of an inclusive range."""
        with self._reading.view():
            return [_block(self._header(number)) for number in range(first, last + 1)]

    def witness(self, block: Block) -> bool:
        """There is no other node that could contradict."""
        del block
        return True

    def header(self, number: int) -> bytes:
        """The RLP of a header."""
        with self._reading.view():
            return self._reading.db[self._header(number).hash]

    def logs_between(self, first: int, last: int, addresses: Collection[bytes]) -> list[RawLog]:
        """Logs of these contracts in an inclusive range of blocks, in chain order."""
        with self._reading.view() as chain:
            last = min(last, chain.get_canonical_head().block_number)
            headers = [self._header(number) for number in range(first, last + 1)]
            return [log for header in headers for log in self._logs(header, addresses)]

    def logs_of(self, block_hash: bytes, addresses: Collection[bytes]) -> list[RawLog]:
        """Logs of these contracts in one block, in order."""
        with self._reading.view():
            return self._logs(self._header(block_hash), addresses)

    def receipt(self, transaction: bytes) -> Receipt | None:
        """The receipt of a transaction; None when there is none."""
        with self._reading.view() as chain:
            try:
                number, index = chain.get_canonical_transaction_index(transaction)
            except TransactionNotFound:
                return None
            return self._receipts(self._header(number))[int(index)]

    def receipts(self, transactions: Sequence[bytes], topic: bytes) -> list[Receipt | None]:
        """The receipts of several transactions, with all their logs."""
        del topic
        with self._reading.view():
            return [self.receipt(transaction) for transaction in transactions]

    def transaction(self, transaction: bytes) -> Transaction:
        """What a mined transaction asked for."""
        with self._reading.view() as chain:
            try:
                found = chain.get_canonical_transaction(transaction)
            except TransactionNotFound as problem:
                raise NotFound(f"no block holds the transaction 0x{transaction.hex()}") from problem
            return Transaction(found.sender, found.to, found.gas, found.data)

    def receipts_of(self, block_hash: bytes) -> list[bytes]:
        """The consensus encodings of a block's receipts, in order."""
        with self._reading.view():
            return self._encoded(self._header(block_hash))

    def nonce(self, account: bytes) -> int:
        """The next nonce of an account."""
        with self._reading.view() as chain:
            number: int = chain.get_vm(chain.get_canonical_head()).state.get_nonce(account)
            return number

    def gas_price(self) -> int:
        """Nothing: the base fee starts at zero, and stays there while blocks stay below half of their limit."""
        with self._reading.view() as chain:
            return 2 * int(chain.create_header_from_parent(chain.get_canonical_head()).base_fee_per_gas)

    def code(self, account: bytes) -> bytes:
        """The code at an address."""
        with self._reading.view() as chain:
            code: bytes = chain.get_vm(chain.get_canonical_head()).state.get_code(account)
            return code

    def call(
        self, to: bytes, data: bytes, *, sender: bytes = bytes(20), block: int | None = None, gas: int | None = None
    ) -> bytes:
        """Run a call at a block and throw its effects away.

        Raises:
            Reverted: The contract reverted, or ran out of gas (without data).
        """
        with self._reading.view() as chain:
            header = chain.get_canonical_head() if block is None else self._header(block)
            vm = chain.get_vm(header)
            computation = vm.execute_bytecode(
                origin=sender,
                gas_price=0,
                gas=gas or _CALL_GAS,
                to=to,
                sender=sender,
                value=0,
                data=data,
                code=vm.state.get_code(to),
            )
            output: bytes = computation.output
            if computation.is_error:
                raise Reverted(output)
            return output

    def send(self, raw: bytes) -> None:
        """Put a transaction into a block of its own, at once; harmless when a block has it already.

        Raises:
            NonceTaken: Another transaction had its nonce.
            NodeRefused: It is not valid on top of the head.
            WrongState: The chain was opened for reading only.
        """
        if self._writing is None:
            raise WrongState("this process reads the embedded chain only; send through the service that holds it")
        if self.receipt(keccak(raw)) is not None:
            return
        try:
            transaction = self._writing.chain.get_vm_class_for_block_number(0).get_transaction_builder().decode(raw)
            if transaction.chain_id != self.chain_id:  # py-evm does not look
                raise NodeRefused(f"the transaction is not for chain {self.chain_id} (EIP-155)")
            if transaction.nonce < self.nonce(transaction.sender):
                raise NonceTaken(f"nonce {transaction.nonce} is used up by another transaction")
            self._writing.mine(transaction, self._clock.now())
        except (ValidationError, RLPException) as problem:
            raise NodeRefused(f"the embedded chain does not take the transaction: {problem}") from problem

    def close(self) -> None:
        """Close the files and free the lock."""
        for evm in (getattr(self, "_reading", None), getattr(self, "_writing", None)):
            if evm is not None:
                evm.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _header(self, which: int | bytes) -> BlockHeaderAPI:
        chain = self._reading.chain
        find = chain.get_canonical_block_header_by_number if isinstance(which, int) else chain.get_block_header_by_hash
        try:
            header: BlockHeaderAPI = find(which)
        except (HeaderNotFound, ValidationError) as problem:
            name = which if isinstance(which, int) else f"0x{which.hex()}"
            raise NotFound(f"the embedded chain has no block {name}") from problem
        return header

    def _encoded(self, header: BlockHeaderAPI) -> list[bytes]:
        chaindb = self._reading.chain.chaindb
        return list(chaindb._get_block_data_from_root_hash(chaindb.db, header.receipt_root))  # noqa: SLF001 - no other way to the encodings

    def _receipts(self, header: BlockHeaderAPI) -> list[Receipt]:
        hashes = self._reading.chain.chaindb.get_block_transaction_hashes(header)
        return receipts.decode(self._encoded(header), hashes, _block(header))

    def _logs(self, header: BlockHeaderAPI, addresses: Collection[bytes]) -> list[RawLog]:
        if header.bloom == 0:
            return []
        return [log for receipt in self._receipts(header) for log in receipt.logs if log.address in addresses]


def _block(header: BlockHeaderAPI) -> Block:
    return Block(header.block_number, header.hash, header.parent_hash, header.timestamp)


def _new_chain_id() -> int:
    """A chain id of its own, far from every registered one, and small enough for every wallet."""
    return (1 << 40) + secrets.randbits(40)


def _exclusive(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(descriptor)
        raise WrongState(
            f"another process holds the embedded chain in {path.parent}; "
            "stop it, or give this one its own CONSENTRY_HOME"
        ) from problem
    return descriptor
