"""A second process of the service on the same data: it takes acts in, as a further replica of the API does.

The first process leads: it carries the acts to the chain and keeps the copy. Acts are handed over before they are
timed, since they come over HTTP in life, which the bench of that name measures.
"""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.domain.acts import Act
from ledger.services.submit import submit

REQUEST = 1_000
"""Acts in one request."""


class Replica:
    """The process, seen from the one that leads."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def hand_over(self, acts: Sequence[Act]) -> None:
        """Give it acts to take in later."""
        self._pipe.send(acts)
        self._pipe.recv()

    def take_in(self) -> list[bytes]:
        """Let it take them in, request by request; returns their digests when all are accepted."""
        self._pipe.send("now")
        digests: list[bytes] = self._pipe.recv()
        return digests


@contextmanager
def replica(settings: Settings) -> Iterator[Replica]:
    """Start it; it ends with the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, settings), daemon=True)
    process.start()
    theirs.close()  # its end tells us when the process dies
    try:
        yield Replica(ours)
        ours.send(None)
        process.join(timeout=30)
    finally:
        process.kill()


def _work(pipe: Connection, settings: Settings) -> None:
    with open_ledger(settings) as ledger:
        while (acts := pipe.recv()) is not None:
            pipe.send("ready")
            pipe.recv()
            digests: list[bytes] = []
            for start in range(0, len(acts), REQUEST):
                digests += [item.digest for item in submit(ledger.context, acts[start : start + REQUEST])]
            pipe.send(digests)
