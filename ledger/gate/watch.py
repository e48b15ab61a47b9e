"""Hearing of withdrawals while a computation runs.

A ``Watch`` keeps a stream of the ledger's revocations open beside the runs. ``check`` costs nothing while nobody in
the run withdrew, so that a long computation can call it at every step and stop at once instead of at its end::

    with Watch(client) as watch, gate.computation(...) as run:
        for batch in batches:
            watch.check(run)
            train(batch)

Invariants: what was heard is only a reason to ask: the ledger's decision says whether the run may go on. Silence is no
yes: when the stream was not heard for longer than its heartbeat allows, ``check`` asks. A watch begins before the
cohort is decided on, so no withdrawal falls between the two.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import msgspec

from ledger.errors import ConsentryError, Forbidden, LedgerUnreachable, Unauthenticated, WrongState
from ledger.gate.client import LedgerClient
from ledger.gate.run import Run

PATH: Final = "/v1/revocations"
SILENCE_SECONDS: Final = 40.0
"""Longer than two heartbeats of the stream."""
_PAUSES: Final = (0.2, 1.0, 5.0)


class _Line(msgspec.Struct, frozen=True):
    subject: str


class Watch:
    """A stream of revocations beside runs; use it as a context manager.

    Args:
        client: The ledger, with the engine's token.
        patience: Seconds to wait for the stream to open; without it the watch does not begin.
    """

    def __init__(self, client: LedgerClient, *, patience: float = 10.0) -> None:
        self._client: Final = client
        self._patience: Final = patience
        self._subjects: list[str] = []
        self._looked: dict[str, int] = {}
        self._asked_at: dict[str, float] = {}
        self._place = ""
        self._heard_at: float | None = None
        self._problem: ConsentryError | None = None
        self._cut: Callable[[], None] = _nothing
        self._open = threading.Event()
        self._stop = threading.Event()

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whose revocations were heard, in order."""
        return tuple(self._subjects)

    @property
    def place(self) -> str:
        """Where in the ledger's feed this watch stands."""
        return self._place

    def check(self, run: Run, *, drop: bool = False) -> frozenset[str]:
        """Ask the ledger again, but only if somebody in the run withdrew, or nothing was heard for too long.

        Args:
            run: A run that began within this watch.
            drop: As ``Run.recheck``.

        Returns:
            Those who no longer permit.

        Raises:
            ConsentDenied: As ``Run.recheck``.
            NotReady: The ledger gave no answer; nothing may go on.
            WrongState: The watch is not open.
        """
        if self._stop.is_set() or self._heard_at is None:
            raise WrongState("the watch is not open: use it as a context manager around the computation")
        upto, now = len(self._subjects), time.monotonic()
        touched = not run.subjects.isdisjoint(self._subjects[self._looked.get(run.id, 0) : upto])
        heard_at = max(self._heard_at, self._asked_at.get(run.id, 0.0))
        if not touched and now - heard_at <= SILENCE_SECONDS:
            self._looked[run.id] = upto
            return frozenset()
        gone = run.recheck(drop=drop)
        self._looked[run.id], self._asked_at[run.id] = upto, now
        return gone

    def __enter__(self) -> Self:
        """Open the stream.

        Raises:
            LedgerUnreachable: It did not open in time.
            Forbidden: The token does not allow it.
        """
        threading.Thread(target=self._listen, name="consentry-watch", daemon=True).start()
        if not self._open.wait(self._patience) or self._heard_at is None:
            self._stop.set()
            raise self._problem or LedgerUnreachable(f"{PATH} did not open within {self._patience} seconds")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._cut()

    def _listen(self) -> None:
        tries = 0
        while not self._stop.is_set():
            try:
                for name, value in self._client.events(PATH, self._place, silence=SILENCE_SECONDS, opened=self._keep):
                    tries = 0
                    self._take(name, value)
                    if self._stop.is_set():
                        return
            except (Forbidden, Unauthenticated) as problem:
                self._problem = problem
                self._open.set()
                return
            except ConsentryError as problem:
                self._problem = problem
            self._stop.wait(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1

    def _keep(self, cut: Callable[[], None]) -> None:
        self._cut = cut
        if self._stop.is_set():
            cut()

    def _take(self, name: str, value: str) -> None:
        if name == "data":
            try:
                self._subjects.append(msgspec.json.decode(value, type=_Line).subject)
            except msgspec.MsgspecError as problem:
                raise LedgerUnreachable(f"{PATH} sent what is no revocation: {problem}") from problem
        elif name == "id":
            self._place = value
        self._heard_at = time.monotonic()
        if self._place:
            self._open.set()


def _nothing() -> None:
    """There is nothing to cut yet."""
