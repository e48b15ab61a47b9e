"""Writing to one log: ``ports.LogWriter`` inside a transaction.

Invariants:

- A log is written by one writer at a time, and densely: entry n is written when n entries are there.
- An idempotency key stands once in a log; a size has one root for ever.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, exc

from ledger.domain.audit import Checkpointed, DecisionRecord, Member, StoredEntry
from ledger.errors import Conflict, InvalidInput, Replayed, WrongState
from ledger.store import tables
from ledger.store.database import Database
from ledger.store.decisions import save_decision
from ledger.store.log_rows import (
    CHUNK,
    ENTRY_COLUMNS,
    ENTRY_FIELDS,
    TILE_COLUMNS,
    UNKEYED_COLUMNS,
    entry_of,
    hashes_of,
    number_of,
    size_of,
)
from ledger.store.log_tiles import nodes_in
from ledger.store.tables.base import table_of
from ledger.transparency.edge import Place, Run
from ledger.transparency.hashing import HASH_SIZE
from ledger.transparency.tiles import HEIGHT, WIDTH

_ENTRY = table_of(tables.AuditEntry)
_TILE = table_of(tables.TreeTile)
_HOLD = "SELECT number FROM audit_log WHERE log = ? FOR UPDATE"
_NEW_LOG = "INSERT INTO audit_log (log) VALUES (?) ON CONFLICT DO NOTHING"
_ROOT = "SELECT root FROM checkpoint WHERE log = ? AND size = ?"
_NEW_CHECKPOINT = "INSERT INTO checkpoint (log, size, root, note, made_at) VALUES (?, ?, ?, ?, ?)"


class SqlLogWriter:
    """One log, held until the transaction ends (``ports.LogWriter``).

    Args:
        database: Where the log is.
        connection: The writing transaction.
        cursor: A cursor of the bare driver in it: building a statement costs SQLAlchemy more than running it.
        log: The log's id, 32 bytes.
    """

    def __init__(self, database: Database, connection: Connection, cursor: Any, log: bytes) -> None:
        self._database = database
        self._connection = connection
        self._cursor = cursor
        self._log = log
        self._number = self._hold()
        self._size = size_of(self._ask, self._number)

    @property
    def size(self) -> int:
        """Entries so far."""
        return self._size

    def find(self, key: str) -> StoredEntry | None:
        """As ``LogWriter.find``; no entry is found under the empty key."""
        return self.find_all([key]).get(key)

    def find_all(self, keys: Sequence[str]) -> dict[str, StoredEntry]:
        """As ``LogWriter.find_all``; no entry is found under the empty key."""
        wanted = [key for key in keys if key]
        found: dict[str, StoredEntry] = {}
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]
            marks = ", ".join("?" * len(part))
            chosen = f"SELECT {ENTRY_FIELDS} FROM audit_entry e WHERE e.log = ? AND e.key IN ({marks})"  # noqa: S608
            entries = [entry_of(self._log, row) for row in self._ask(chosen, (self._number, *part))]
            found.update({entry.key: entry for entry in entries})
        return found

    def node(self, level: int, index: int) -> bytes:
        """As ``LogWriter.node``."""
        return self.fetch([Place(level, index)])[0]

    def fetch(self, places: Sequence[Place]) -> list[bytes]:
        """As ``LogWriter.fetch``."""
        return nodes_in(self._ask, self._number, places)

    def append(self, entries: Sequence[StoredEntry], runs: Sequence[Run]) -> None:
        """As ``LogWriter.append``.

        Args:
            entries: The entries, from index ``size`` on.
            runs: The nodes that they complete. Level 0 may be left out: it is the leaves.

        Raises:
            WrongState: The entries do not start where the log ends, or are another log's.
            Replayed: An idempotency key is used already.
            InvalidInput: A run of level 0 is not the entries' leaves, one of a higher level is not there, or an entry
                is no JSON object.
        """
        size = self._size
        leaves = Run(0, size, [entry.leaf for entry in entries])
        levels = {run.level: run for run in runs}
        if levels.setdefault(0, leaves) != leaves:
            raise InvalidInput(f"the nodes of level 0 are not the leaves of the entries from {size} on")
        if not entries:
            return
        logs, places, documents, *_ = zip(*entries, strict=True)
        if places != tuple(range(size, size + len(entries))) or logs.count(self._log) != len(entries):
            raise WrongState(f"the next entries of this log start at index {size}; read its size again")
        if not all(data[:1] == b"{" and data[-1:] == b"}" for data in documents):
            raise InvalidInput(f"one of the entries from {size} on is not a JSON object")
        tiles = self._full_tiles(levels, len(entries))
        number = self._number
        keyed = [
            (number, at, data, leaf, decision, key, among) for _, at, data, leaf, key, among, decision in entries if key
        ]
        others = [(number, at, data, leaf, decision) for _, at, data, leaf, key, _, decision in entries if not key]
        try:
            self._database.insert(self._connection, _ENTRY, ENTRY_COLUMNS, keyed)
        except exc.IntegrityError as problem:  # the index is new, so it is the key that is not
            raise Replayed("an idempotency key of this batch is used already; find its entry instead") from problem
        self._database.insert(self._connection, _ENTRY, UNKEYED_COLUMNS, others)
        self._database.insert(self._connection, _TILE, TILE_COLUMNS, tiles)
        self._size += len(entries)

    def _full_tiles(self, levels: dict[int, Run], more: int) -> list[tuple[int, int, int, bytes, bytes]]:
        """The rows of the tiles that become full with so many entries more."""
        found = []
        before, after = self._size, self._size + more
        for tier in range(HEIGHT):
            first, end = before // WIDTH, after // WIDTH
            if first == end:
                break
            try:
                run, above = levels[tier * HEIGHT], levels[(tier + 1) * HEIGHT]
            except KeyError as missing:
                raise InvalidInput(f"the nodes of level {missing} are not given") from None
            held = hashes_of(self._ask, self._number, tier, first) if before % WIDTH else b""
            hashes = held + b"".join(run.hashes)
            for place, root in enumerate(above.hashes):
                tile = hashes[place * WIDTH * HASH_SIZE : (place + 1) * WIDTH * HASH_SIZE]
                found.append((self._number, tier, first + place, root, tile))
            before, after = first, end
        return found

    def checkpoint(self, checkpoint: Checkpointed) -> None:
        """As ``LogWriter.checkpoint``; the first note of a size stays.

        Raises:
            Conflict: Another root was given out for the same size.
        """
        found = self._ask(_ROOT, (self._number, checkpoint.size))
        if not found:
            row = (self._number, checkpoint.size, checkpoint.root, checkpoint.note, checkpoint.made_at)
            self._tell(_NEW_CHECKPOINT, row)
        elif found[0][0] != checkpoint.root:
            raise Conflict(
                f"another root was given out for size {checkpoint.size}: the log was changed; run audit fsck"
            )

    def save_decision(self, record: DecisionRecord, members: Sequence[Member]) -> None:
        """As ``LogWriter.save_decision``.

        Raises:
            WrongState: The record names another log.
        """
        if record.log != self._log:
            raise WrongState("a decision is kept with the log of its entry")
        save_decision(self._database, self._connection, self._number, record, members)

    def _hold(self) -> int:
        """The log's number; on PostgreSQL its row stays locked (SQLite has one writer anyway)."""
        number = self._locked()
        if number is None:
            self._tell(_NEW_LOG, (self._log,))
            number = self._locked()
        assert number is not None
        return number

    def _locked(self) -> int | None:
        if self._database.sqlite:
            return number_of(self._ask, self._log)
        rows = self._ask(_HOLD, (self._log,))
        return rows[0][0] if rows else None

    def _ask(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        self._tell(statement, values)
        rows: list[tuple[Any, ...]] = self._cursor.fetchall()
        return rows

    def _tell(self, statement: str, values: Sequence[Any]) -> None:
        self._cursor.execute(statement if self._database.sqlite else statement.replace("?", "%s"), values)
