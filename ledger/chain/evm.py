"""The embedded chain's parts from py-evm: a database on SQLite, a virtual machine and a chain.

Invariants: everything that one block writes is one SQLite transaction (WAL, synchronous FULL), so a killed process
leaves whole blocks or nothing; blocks never go back in time; transactions cost nothing (the base fee starts at zero and
blocks stay below its target).

Rules are Prague's (no P-256 precompile), with one liberty: blocks of one second may share their timestamp, as more than
one block a second must not run ahead of the clock that deadlines are measured by.
"""

import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth.abc import AtomicWriteBatchAPI, BlockHeaderAPI, SignedTransactionAPI
from eth.chains.base import MiningChain
from eth.consensus.applier import ConsensusApplier
from eth.consensus.noproof import NoProofConsensus
from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDBWriteBatch
from eth.db.backends.base import BaseAtomicDB
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState

from ledger.chain.opcodes import quick
from ledger.errors import NotFound

# py-evm raises the limit for the whole process when it is imported, for calls a thousand deep; ours go two deep. Left
# raised, a parser that follows nested input overflows the C stack, and the process dies instead of refusing it.
RECURSION_LIMIT = 1_000
sys.setrecursionlimit(RECURSION_LIMIT)

GAS_LIMIT = 60_000_000
_CHAIN_ID = b"consentry:chain-id"
_SCHEMA = "CREATE TABLE IF NOT EXISTS node (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"


class SqliteDB(BaseAtomicDB):
    """The key-value database that py-evm wants, in one SQLite file.

    Args:
        path: The file.
        writable: Whether this process may write; a reader beside a writer sees whole blocks only.
    """

    def __init__(self, path: Path, *, writable: bool) -> None:
        mode = "rwc" if writable else "ro"
        self._connection = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=30
        )
        if writable:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(_SCHEMA)
        self._connection.execute("PRAGMA cache_size=-65536")
        self._open = False

    def __getitem__(self, key: bytes) -> bytes:
        row = self._connection.execute("SELECT value FROM node WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value: bytes = row[0]
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO node (key, value) VALUES (?, ?)", (key, value))

    def __delitem__(self, key: bytes) -> None:
        if self._connection.execute("DELETE FROM node WHERE key = ?", (key,)).rowcount == 0:
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        return self._connection.execute("SELECT 1 FROM node WHERE key = ?", (key,)).fetchone() is not None

    @contextmanager
    def atomic_batch(self) -> Iterator[AtomicWriteBatchAPI]:
        """A batch that is written as a whole, or not at all (py-evm's contract)."""
        with self.whole(), AtomicDBWriteBatch._commit_unless_raises(self) as batch:  # noqa: SLF001 - py-evm's own way
            yield batch

    @contextmanager
    def whole(self) -> Iterator[None]:
        """One SQLite transaction around everything inside; nests."""
        if self._open:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._open = True
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        else:
            self._connection.execute("COMMIT")
        finally:
            self._open = False

    @contextmanager
    def view(self) -> Iterator[None]:
        """One read transaction: everything inside sees the same state of the file; nests."""
        if self._open:
            yield
            return
        self._connection.execute("BEGIN")
        self._open = True
        try:
            yield
        finally:
            self._connection.execute("COMMIT")
            self._open = False

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class _Computation(PragueComputation):
    opcodes = quick(PragueComputation.opcodes)


class _State(PragueState):
    computation_class = _Computation


class _VM(PragueVM):
    _state_class = _State

    @classmethod
    def validate_header(cls, header: BlockHeaderAPI, parent_header: BlockHeaderAPI) -> None:
        if parent_header is not None and header.timestamp == parent_header.timestamp:
            header = header.copy(timestamp=parent_header.timestamp + 1)
        super().validate_header(header, parent_header)


class _Chain(MiningChain):
    vm_configuration = ConsensusApplier(NoProofConsensus).amend_vm_configuration(((0, _VM),))

    def create_header_from_parent(self, parent_header: BlockHeaderAPI, **params: Any) -> BlockHeaderAPI:
        return super().create_header_from_parent(parent_header, **{"gas_limit": parent_header.gas_limit, **params})


class Evm:
    """One opening of the embedded chain's file; a thread holds ``view`` or ``mine`` at a time.

    Args:
        path: The file.
        writable: Whether blocks may be added through it.
        genesis: Chain id and timestamp of block 0, for a file without a chain; None: the file must hold one.

    Raises:
        NotFound: The file holds no chain, and none is to be begun.
    """

    def __init__(self, path: Path, *, writable: bool, genesis: tuple[int, int] | None = None) -> None:
        self._lock = threading.RLock()
        try:
            self.db = SqliteDB(path, writable=writable)
            if genesis is not None and _CHAIN_ID not in self.db:
                chain_id, timestamp = genesis
                with self.db.whole():
                    self.db[_CHAIN_ID] = chain_id.to_bytes(8, "big")
                    _kind(chain_id).from_genesis(self.db, _genesis(timestamp), {})
            self.chain_id = int.from_bytes(self.db[_CHAIN_ID], "big")
        except (KeyError, sqlite3.OperationalError) as problem:
            raise NotFound(f"there is no embedded chain in {path} yet; start the service once") from problem
        self.chain: Any = _kind(self.chain_id)(self.db)

    @contextmanager
    def view(self) -> Iterator[Any]:
        """The chain, for reading: everything inside sees the same blocks."""
        with self._lock, self.db.view():
            yield self.chain

    def mine(self, transaction: SignedTransactionAPI, now: int) -> None:
        """Run a transaction in a new block and store it, as one SQLite transaction.

        Args:
            transaction: The transaction.
            now: Seconds UTC.

        Raises:
            eth_utils.ValidationError: The transaction is not valid on top of the head; nothing was written.
        """
        with self._lock:
            head = self.chain.get_canonical_head()
            self.chain.header = self.chain.create_header_from_parent(head, timestamp=max(now, head.timestamp))
            with self.db.whole():
                self.chain.mine_all([transaction])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self.db.close()


def _kind(chain_id: int) -> type[MiningChain]:
    return type("EmbeddedChain", (_Chain,), {"chain_id": chain_id})


def _genesis(timestamp: int) -> dict[str, Any]:
    return {
        "difficulty": 0,
        "extra_data": b"",
        "gas_limit": GAS_LIMIT,
        "base_fee_per_gas": 0,
        "timestamp": timestamp,
        "receipt_root": BLANK_ROOT_HASH,
        "transaction_root": BLANK_ROOT_HASH,
    }
