"""An open ledger: its ports, and the threads that follow the chain, carry acts to it, and anchor the logs.

A thread that fails stops confirming freshness, so answers stop before they can be wrong.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from ledger.chain.opening import Chain
from ledger.chain.relayer import Relayer
from ledger.chain.websocket import HeadWatch, is_websocket
from ledger.config import Settings
from ledger.domain.outbox import Item, ItemState
from ledger.errors import ConsentryError, MirrorDiverged, NodesDisagree, NotFound, NotReady, ProofInvalid, ReorgTooDeep
from ledger.export.jobs import Jobs
from ledger.notify.webhooks import Notifier
from ledger.services.anchor import anchor_all, is_full
from ledger.services.append import Appender
from ledger.services.context import Context
from ledger.services.erase import finish
from ledger.services.revocations import follow
from ledger.services.sync import Mirror, Standing
from ledger.snapshot.keeper import Keeper
from ledger.snapshot.progress import Bar
from ledger.store.store import Store

log = logging.getLogger("consentry")

IDLE_SECONDS = 0.05
REST_SECONDS = 1.0
FINAL = (ItemState.SEALED, ItemState.REFUSED)
_AT_ONCE = 1_000  # items in one question


@dataclass(slots=True)
class Ledger:
    """An open ledger: its ports, the sequencer of its logs, and its threads once started."""

    settings: Settings
    context: Context
    appender: Appender
    chain: Chain
    store: Store
    keeper: Keeper
    mirror: Mirror
    relayer: Relayer
    exports: Jobs
    http: httpx.Client
    notifier: Notifier
    bars: Sequence[Bar] = ()
    """What shows how far a long start is."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _bells: dict[str, threading.Event] = field(default_factory=dict)
    """Wakes a thread from its rest."""
    _watches: list[HeadWatch] = field(default_factory=list)
    _leads: bool = False
    _done: dict[str, bytes] = field(default_factory=dict)
    """The state of the database in which a thread found nothing to do."""

    def start(self) -> None:
        """Start following, relaying and anchoring."""
        for name, work in (
            ("mirror", self._follow),
            ("relayer", self._relay),
            ("anchor", self._anchor),
            ("tidy", self._tidy),
            ("witness", self._witness),
            ("feed", self._tell),
            ("webhooks", self._notify),
        ):
            self._bells[name] = threading.Event()
            thread = threading.Thread(target=self._loop, args=(name, work), name=f"consentry-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()
        for url in filter(is_websocket, self.settings.rpc_urls):  # the mirror polls besides
            self._watches.append(HeadWatch(url, self._bells["mirror"].set))

    def close(self) -> None:
        """Stop the threads and close every adapter; what was accepted stays accepted."""
        self._stop.set()
        for watch in self._watches:
            watch.close()
        for bell in self._bells.values():
            bell.set()
        for thread in self._threads:
            thread.join(timeout=30)
        self._hand_over()
        for bar in self.bars:
            bar.close()
        self.exports.close()
        self.http.close()
        self.notifier.close()
        self.chain.close()
        self.store.close()

    def _hand_over(self) -> None:
        """Let another worker lead at once, where none of these threads can lead any more."""
        if any(thread.is_alive() for thread in self._threads):
            return
        try:
            self.mirror.close()
        except NotReady as problem:
            log.debug("the mirror's lease was not given back, and lapses: %s", problem)

    def ready(self) -> None:
        """Return if decisions can be given now.

        Raises:
            NotReady: They cannot; the message says why.
        """
        self.keeper.view()

    def settled(self, digests: Sequence[bytes], seconds: float) -> list[Item]:
        """Wait until acts are refused, or sealed and visible to decisions; returns them as they then are.

        Args:
            digests: Acts that were accepted.
            seconds: How long to wait at most.

        Raises:
            NotFound: One of them was never accepted.
        """
        deadline = time.monotonic() + seconds
        items: dict[bytes, Item] = {}
        waiting = list(digests)
        while True:
            # Acts are sealed about in order, so the first open one is asked for, and not thousands at each turn.
            while waiting and self._items(waiting[:1])[0].state in FINAL:
                items.update(zip(waiting[:_AT_ONCE], self._items(waiting[:_AT_ONCE]), strict=True))
                waiting = [one for one in waiting if one not in items or items[one].state not in FINAL]
            left = deadline - time.monotonic()
            block = max((item.block or 0 for item in items.values()), default=0)
            if (not waiting and self.keeper.wait_for(block, max(left, 0))) or left <= 0:
                items.update(zip(waiting, self._items(waiting), strict=True))
                return [items[digest] for digest in digests]
            time.sleep(min(IDLE_SECONDS / 2, max(left, 0)))

    def _items(self, digests: Sequence[bytes]) -> list[Item]:
        items: list[Item] = []
        for digest, found in zip(digests, self.context.outbox.find(digests), strict=True):
            if found is None:
                raise NotFound(f"there is no act 0x{digest.hex()}")
            items.append(found)
        return items

    def catch_up(self) -> None:
        """Bring mirror and snapshot to the chain's head once, without the threads."""
        self._follow()

    def _loop(self, name: str, work: Callable[[], float]) -> None:
        rest = IDLE_SECONDS
        bell = self._bells[name]
        while True:
            bell.wait(rest)
            bell.clear()
            if self._stop.is_set():
                return
            try:
                rest = work()
            except ConsentryError as problem:
                log.warning("%s: %s", name, problem)
                rest = REST_SECONDS
            except Exception:
                log.exception("%s failed; it will try again", name)
                rest = REST_SECONDS

    def _follow(self) -> float:
        try:
            progress = self.mirror.catch_up()
        except (ReorgTooDeep, MirrorDiverged, NodesDisagree) as problem:
            self.keeper.alarm(str(problem))
            raise
        self.keeper.alarm("")
        self._leads = progress.standing is not Standing.STANDBY
        self.keeper.refresh()
        if progress.standing is not Standing.WAITING:
            self.keeper.confirm(progress.head)
        return IDLE_SECONDS

    def _relay(self) -> float:
        if not self._leads:
            return REST_SECONDS / 4
        state = self.store.latest.state()
        if state is not None and self._done.get("relayer") == state:
            return IDLE_SECONDS
        progress = self.relayer.run_once()
        if state is not None and progress.idle:
            self._done["relayer"] = state
        if progress.sent or progress.sealed or progress.refused:
            self._bells["mirror"].set()  # after sending too: some nodes mine at once
        return 0 if progress.sent or progress.sealed or progress.refused else IDLE_SECONDS

    def _anchor(self) -> float:
        if not self._leads or not self.settings.anchor_seconds:
            return REST_SECONDS
        items, problems = anchor_all(self.context)
        for held, problem in problems.items():  # not found: the log's institution keeps its own key, and anchors itself
            level = logging.DEBUG if isinstance(problem, NotFound) else logging.ERROR
            log.log(level, "log 0x%s is not anchored from here: %s", held.hex(), problem)
        # A full one is followed as soon as it stands, and what was not ready is asked again.
        soon = any(is_full(self.context, item) for item in items)
        soon |= any(isinstance(problem, NotReady) for problem in problems.values())
        return REST_SECONDS if soon else self.settings.anchor_seconds

    def _tidy(self) -> float:
        self.exports.sweep()
        finish(self.context, self.appender)  # of erasures that a killed process left half said
        return REST_SECONDS

    def _tell(self) -> float:
        if not self._leads:
            return REST_SECONDS / 4
        state = self.store.latest.state()
        if state is not None and self._done.get("feed") == state:
            return IDLE_SECONDS
        if follow(self.context, self.store.revocations):
            return 0
        if state is not None:
            self._done["feed"] = state
        return IDLE_SECONDS

    def _notify(self) -> float:
        return IDLE_SECONDS if self._leads and self.notifier.deliver_due() else REST_SECONDS / 2

    def _witness(self) -> float:
        if not self._leads or not self.context.witnesses.askers:
            return REST_SECONDS
        for held in self.context.audit.logs():
            for name, problem in self.context.witnesses.ask(held).items():
                level = logging.ERROR if isinstance(problem, ProofInvalid) else logging.WARNING
                log.log(level, "log 0x%s, witness %s: %s", held.hex(), name, problem)
        return self.settings.anchor_seconds or REST_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
