"""A process that looks at stretches of a log's rows, as the process that started it asks (``scanning``).

It is told on its input which database and which log, then one stretch after the other, and answers each on its output;
it ends with its input. It imports as little as it can: a log of 100,000 entries is read in the time that SQLAlchemy
needs to be imported.

Invariant: it opens the database so that nothing can be written.
"""

import gc
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import IO, Any, TypeAlias, TypeVar

import msgspec

from ledger.services.fsck_page import Access, Page, look
from ledger.store.log_rows import ROWS, number_of
from ledger.transparency.tiles import WIDTH

WAIT_SECONDS = 30
MAPPED_BYTES = 1 << 31
"""As much of a SQLite file is read without copying its pages."""
_SIZE_BYTES = 8  # what stands before each message: its length, big-endian
_Read: TypeAlias = Callable[[str, Sequence[Any]], Any]
_Message = TypeVar("_Message")


class Task(msgspec.Struct, frozen=True):
    """Which log to look at, and where: SQLite's ``file:`` address, or libpq's ``postgresql:`` one."""

    address: str
    log: bytes


class Stretch(msgspec.Struct, frozen=True):
    """Rows to look at, from an index to below another, and what the chain tells of their accesses."""

    first: int
    last: int
    told: dict[int, Access]


class Answer(msgspec.Struct, frozen=True):
    """What was seen, or why nothing could be."""

    pages: list[Page]
    problem: str = ""


def send(stream: IO[bytes], message: msgspec.Struct) -> None:
    """Write one message."""
    data = msgspec.msgpack.encode(message)
    stream.write(len(data).to_bytes(_SIZE_BYTES) + data)
    stream.flush()


def receive(stream: IO[bytes], kind: type[_Message]) -> _Message | None:
    """Read one message; None where the other side ended, even within one."""
    size = int.from_bytes(stream.read(_SIZE_BYTES))
    data = stream.read(size)
    return msgspec.msgpack.decode(data, type=kind) if size and len(data) == size else None


def main() -> None:
    """Answer until the input ends."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    task = receive(source, Task)
    if task is None:
        return
    gc.disable()  # rows and pages are free of cycles
    with opened(task.address) as (execute, broken):
        while (stretch := receive(source, Stretch)) is not None:
            try:
                number = number_of(lambda statement, values: execute(statement, values).fetchall(), task.log)
                pages = list(look(task.log, _rows(execute, number, stretch), stretch.told))
            except broken:
                send(sink, Answer([], "the database does not answer; check that it runs"))
            else:
                send(sink, Answer(pages))


def _rows(execute: _Read, number: int | None, stretch: Stretch) -> Iterator[Sequence[Any]]:
    cursor = execute(ROWS, (number, stretch.first, stretch.last, stretch.last - stretch.first))
    while rows := cursor.fetchmany(WIDTH):
        yield rows


@contextmanager
def opened(address: str) -> Iterator[tuple[_Read, type[Exception]]]:
    """How to ask the database, and its driver's errors."""
    if address.startswith("file:"):
        with closing(sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS)) as file:
            file.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")  # a disk that fails then ends this process alone
            yield file.execute, sqlite3.Error
        return
    import psycopg

    with psycopg.connect(address, autocommit=True, connect_timeout=WAIT_SECONDS) as server:
        server.execute("SET default_transaction_read_only = on")
        yield lambda statement, values: server.execute(statement.replace("?", "%s"), values), psycopg.Error


if __name__ == "__main__":
    main()
