"""Taking a batch of blocks into the mirror: projected, then written; a large one both at once.

Invariants: a batch is one transaction, of which the thread that writes behind the projection is a part: it has ended
before that transaction does, and where it failed, nothing of the batch stays.

A batch as small as the newest blocks are is projected before the write lock is taken. Those of a backfill hold it from
the start, so that SQLite or a PostgreSQL server works at the rows of what is projected while Python projects the next.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy import Connection

from ledger.domain.events import Block, Logged
from ledger.ports import Cursor
from ledger.store import mirror_writer
from ledger.store.database import Database
from ledger.store.mirror_writer import Taken

LARGE = 2_000
"""Events from which on a batch is written while it is projected."""


def take(
    database: Database, blocks: Sequence[Block], events: Sequence[Logged], *, fence: int, expect: Cursor | None
) -> Taken:
    """Take a batch in; see ``ports.MirrorStore.take``.

    It need not be on the disk at once: the cursor is in the same transaction, so what a power loss takes is read again
    from the chain; and it takes seconds at most, since a lease's renewal is durable, and with it all before it.
    """
    if len(events) >= LARGE:
        return _take_large(database, blocks, events, fence, expect)
    with database.reading() as connection:
        taken = mirror_writer.take(connection, blocks, events, expect)
    with database.writing(durable=False) as connection:
        mirror_writer.write(database, connection, taken, fence=fence)
    return taken


def _take_large(
    database: Database, blocks: Sequence[Block], events: Sequence[Logged], fence: int, expect: Cursor | None
) -> Taken:
    parts: list[Future[None]] = []
    with database.writing(durable=False) as connection:
        mirror_writer.check_fence(connection, fence)
        with database.reading() as before, ThreadPoolExecutor(1, "consentry-rows") as behind:

            def begin(write: Callable[[Database, Connection], None]) -> None:
                parts.append(behind.submit(write, database, connection))

            taken = mirror_writer.take(before, blocks, events, expect, begin)
        for part in parts:
            part.result()
        mirror_writer.write(database, connection, taken, fence=fence)
    return taken
