"""Writing the mirror: taking blocks in, and giving them back.

Invariants:

- Events, facts, blocks and the cursor of a batch are written in one transaction, by the holder of the lease alone
  (fencing number) and only where the cursor still stands where the writer believes it to (compare-and-set).
- ``roll_back`` is the exact inverse of ``take``: it leaves the rows that were there when the mirror had come that far.

A batch is projected in memory over the few rows that its events change (``mirror_batch``), and written with one
statement a table. It is projected before the write lock is taken, which others wait for: where the cursor still stands
as it did, with the same digest, so do the facts.

One thread does both: a second one that wrote while the first projected had to wait for the interpreter at every
statement, so that the two took a tenth more CPU and no less time (measured on two cores).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from ledger.domain.events import Block, Logged
from ledger.domain.flat import NO_DIGEST, next_digest
from ledger.domain.projection import project
from ledger.errors import InvalidInput, MirrorDiverged, WrongState
from ledger.ports import Cursor
from ledger.store import kinds, tables
from ledger.store.database import Database, insert_if_new
from ledger.store.mirror_batch import Batch
from ledger.store.tables.base import table_of

_BLOCK = table_of(tables.Block)
_EVENT = table_of(tables.Event)
_CURSOR = table_of(tables.MirrorCursor)
_LEASE = table_of(tables.WriterLease)
_BLOCK_COLUMNS = ("number", "hash", "parent", "timestamp", "digest")
_EVENT_COLUMNS = (
    "block_number",
    "log_index",
    "block_hash",
    "transaction_hash",
    "address",
    "topics",
    "data",
)
CURSOR_QUESTION = (
    "SELECT block.number, block.hash, parent, timestamp, block.digest, mirror_cursor.hash, mirror_cursor.digest "
    "FROM mirror_cursor LEFT JOIN block ON block.number = mirror_cursor.number"
)
"""The row of the cursor and its block; ``cursor_of`` reads it."""


def read_cursor(connection: Connection) -> Cursor | None:
    """How far the mirror has come."""
    return cursor_of([tuple(row) for row in connection.exec_driver_sql(CURSOR_QUESTION)])


def cursor_of(rows: Sequence[tuple[Any, ...]]) -> Cursor | None:
    """The cursor of what ``CURSOR_QUESTION`` found.

    Raises:
        MirrorDiverged: The cursor does not stand on a block of the mirror.
    """
    if not rows:
        return None
    number, block_hash, parent, timestamp, digest, expected_hash, expected_digest = rows[0]
    if block_hash != expected_hash or digest != expected_digest:
        raise MirrorDiverged(
            "table mirror_cursor: the cursor does not stand on a block of the mirror; rebuild the mirror from the chain"
        )
    return Cursor(Block(number, block_hash, parent, timestamp), digest)


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch that is projected and not written yet: from which cursor to which, and the rows."""

    expect: Cursor | None
    cursor: Cursor
    blocks: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]
    facts: Batch


def take(
    connection: Connection,
    blocks: Sequence[Block],
    events: Sequence[Logged],
    expect: Cursor | None,
) -> Taken:
    """Project a batch over the facts as one reading transaction sees them; see ``ports.MirrorStore.take``.

    Args:
        connection: Of the reading transaction.
        blocks: The blocks.
        events: Their events.
        expect: Where the mirror stands.
    """
    _check_sequence(blocks, expect)
    stood = read_cursor(connection)
    if stood != expect:
        raise _moved(expect)
    batch = Batch(connection, events)
    block_rows: list[tuple[Any, ...]] = []
    event_rows: list[tuple[Any, ...]] = []
    digest = expect.digest if expect else NO_DIGEST
    pending = iter(events)
    logged = next(pending, None)
    for block in blocks:
        made: list[bytes] = []
        while logged is not None and logged.block_hash == block.hash:
            for fact in project(logged.event, batch):
                made.append(batch.put(fact, block.number, logged.log_index))  # noqa: PERF401 - most events make one fact
            event_rows.append(_event_row(logged))
            logged = next(pending, None)
        digest = next_digest(digest, block.hash, made)
        block_rows.append((block.number, block.hash, block.parent, block.timestamp, digest))
    if logged is not None:
        raise InvalidInput(f"an event of block {logged.block_number} came out of order, or without its block")
    return Taken(expect, Cursor(blocks[-1], digest), block_rows, event_rows, batch)


def write(database: Database, connection: Connection, taken: Taken, *, fence: int) -> Cursor:
    """Write a batch; see ``ports.MirrorStore.take``."""
    check_fence(connection, fence)
    _move(database, connection, taken.expect, taken.cursor)
    database.insert(connection, _BLOCK, _BLOCK_COLUMNS, taken.blocks)
    database.insert(connection, _EVENT, _EVENT_COLUMNS, taken.events)
    taken.facts.write(database, connection)
    return taken.cursor


def roll_back(connection: Connection, to: int, *, fence: int) -> Cursor | None:
    """Forget every block above ``to``; see ``ports.MirrorStore.roll_back``."""
    check_fence(connection, fence)
    for kind in kinds.KINDS:
        rows = kind.table.c
        connection.execute(delete(kind.table).where(rows.from_block > to))
        connection.execute(update(kind.table).where(rows.to_block > to).values(to_block=None))
    connection.execute(delete(_EVENT).where(_EVENT.c.block_number > to))
    connection.execute(delete(_BLOCK).where(_BLOCK.c.number > to))
    last = connection.execute(select(_BLOCK).order_by(_BLOCK.c.number.desc()).limit(1)).first()
    connection.execute(delete(_CURSOR))
    if last is None:
        return None
    connection.execute(insert(_CURSOR).values(id=1, number=last.number, hash=last.hash, digest=last.digest))
    return Cursor(Block(last.number, last.hash, last.parent, last.timestamp), last.digest)


def lease(connection: Connection, holder: str, *, at: int, seconds: int) -> int:
    """Take or renew the writer's lease; see ``ports.MirrorStore.lease``."""
    connection.execute(insert_if_new(connection, _LEASE).values(id=1, holder="", fence=0, expires_at=at))
    held = connection.execute(select(_LEASE).with_for_update()).one()
    running = at < held.expires_at
    if running and held.holder != holder:
        raise WrongState(f"{held.holder} writes the mirror until {held.expires_at}; wait, or stop it first")
    fence: int = held.fence if running else held.fence + 1
    connection.execute(update(_LEASE).values(holder=holder, fence=fence, expires_at=at + seconds))
    return fence


def release(connection: Connection, fence: int) -> None:
    """Let a lease lapse now; see ``ports.MirrorStore.release``."""
    connection.execute(update(_LEASE).where(_LEASE.c.fence == fence).values(expires_at=0))


def check_fence(connection: Connection, fence: int) -> None:
    """Refuse a writer whose lease went to another; holds the lease's row until the transaction ends.

    Raises:
        WrongState: The fencing number is not the last one given out.
    """
    shared = "" if connection.dialect.name == "sqlite" else " FOR SHARE"
    last = connection.exec_driver_sql(f"SELECT fence FROM writer_lease{shared}").scalar()  # noqa: S608 - our own words
    if last != fence:
        raise WrongState(f"the lease of writer {fence} is over (the last is {last}); take a new one")


def _check_sequence(blocks: Sequence[Block], expect: Cursor | None) -> None:
    if not blocks:
        raise InvalidInput("no blocks to take in")
    before = expect.block if expect else None
    for block in blocks:
        if before is not None and (block.number != before.number + 1 or block.parent != before.hash):
            raise InvalidInput(f"block {block.number} does not follow block {before.number} of the same chain")
        before = block


def _move(database: Database, connection: Connection, expect: Cursor | None, cursor: Cursor) -> None:
    """Move the cursor by compare-and-set."""
    to = (cursor.block.number, cursor.block.hash, cursor.digest)
    if expect is None:
        if connection.execute(select(_CURSOR.c.number)).first() is not None:
            raise _moved(expect)
        database.insert(connection, _CURSOR, ("id", "number", "hash", "digest"), [(1, *to)])
        return
    move = "UPDATE mirror_cursor SET number = ?, hash = ?, digest = ? WHERE number = ? AND hash = ? AND digest = ?"
    stood = (expect.block.number, expect.block.hash, expect.digest)
    if database.run_many(connection, move, [(*to, *stood)]) != 1:
        raise _moved(expect)


def _moved(expect: Cursor | None) -> WrongState:
    if expect is None:
        return WrongState("the mirror is not empty; read its cursor and go on from there")
    return WrongState(f"the mirror no longer stands at block {expect.block.number}; read its cursor and go on")


def _event_row(logged: Logged) -> tuple[Any, ...]:
    return (
        logged.block_number,
        logged.log_index,
        logged.block_hash,
        logged.transaction,
        logged.address,
        b"".join(logged.topics),
        logged.data,
    )
