"""Appending to a log: batches and single entries that are on the disk, and what is read of it afterwards.

An append counts when its caller has the signed receipt. Batches come of two callers, as one core prepares while the
other writes; no two entries are the same, and a batch names one decision, as an engine's report of a run does.
Proofs are taken with the tiles that they need in memory. The rescan is ``consentry audit fsck``, by as many processes
as there are cores; the time in which they start is in it.

Garbage is collected as seldom as in the service, and not among the entries that wait for their turn here: a service
holds those of a few requests.

Floors and peers in the same run: ``sqlite_floor_per_s`` is durable batches of 1,000 rows into one table with nothing
else; ``pymerkle_appends_per_s`` is the reference tree on SQLite, one entry a transaction.
"""

import gc
import hashlib
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import median
from types import SimpleNamespace
from typing import Any

import pymerkle

from benches.harness import Figures, Stage, each, per_second, spread, typical
from ledger.bootstrap import COLLECT_AFTER, SystemClock
from ledger.chain.decoding import read_event
from ledger.domain.audit import Kind, NewEntry, StoredEntry
from ledger.identity.seals import FileLogKeys
from ledger.services.append import Appender
from ledger.services.fsck import check_log
from ledger.store.scanning import usable_cores
from ledger.store.store import Store, open_store
from ledger.transparency.edge import Edge
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.tree import inclusion_proof

BATCH = 1_000
BATCH_CALLERS = 2
SINGLE_CALLERS = 50
RUNS = 3

Work = Callable[[int, int], object]
"""What one caller does: told the caller and the place in its row."""


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    home = stage.home()
    store = open_store(f"sqlite:///{home / 'ledger.sqlite'}", read_event)
    try:
        keys = FileLogKeys(home / "keys")
        appender = Appender(store.audit, SystemClock(), keys)
        rate, worst = _batches(appender, stage.pick(10, 40))
        stage.say(f"{rate:,} entries a second in batches of {BATCH:,}")
        log, size = secrets.token_bytes(32), stage.pick(20_000, 100_000)
        for place in range(size // BATCH):
            appender.append(log, f"b{place}", _entries(place, BATCH))
        return {
            "appends_per_s": rate,
            "append_p99_ms": worst,
            "appends_single_per_s": _singles(appender, stage.pick(20, 60)),
            "proofs_per_s": per_second(1_000_000, _proof_us(store, log, size, stage.pick(1_000, 4_000))),
            "rescan_rows_per_s": _rescan(store, keys, log, size),
            "proof_us_by_size": _proofs_by_size(
                store, stage.pick((10_000, 100_000), (10_000, 100_000, 1_000_000, 10_000_000))
            ),
            "pymerkle_appends_per_s": _pymerkle(stage, home),
            "sqlite_floor_per_s": _floor(stage, home),
            "log_size": size,
        }
    finally:
        store.close()


def _entries(seed: int, count: int) -> list[NewEntry]:
    """Reports of computations, of 791 canonical bytes each, under one decision."""
    random = Random(seed)  # noqa: S311 - a bench repeats itself
    study, engine, decision, block = (f"0x{random.randbytes(32).hex()}" for _ in range(4))
    return [
        NewEntry(
            Kind.COMPLETED,
            actor="engine:0x" + "11" * 32,
            study=study,
            engine=engine,
            operation="differential-privacy",
            decision=decision,
            block=(1_000, block),
            facts={
                "run": random.randbytes(16).hex(),
                "outputs": [{"name": "mean", "sha256": f"0x{random.randbytes(32).hex()}"}],
                "epsilon": "0.5",
            },
        )
        for _ in range(count)
    ]


def _batches(appender: Appender, count: int) -> tuple[int, float]:
    """Entries a second of callers that hand over batches, and the 99th percentile of a batch in milliseconds."""
    log = secrets.token_bytes(32)
    appender.append(log, "first", _entries(0, 1))
    batches = [[_entries(caller * count + place, BATCH) for place in range(count)] for caller in range(BATCH_CALLERS)]
    rates, times = [], []
    for run in range(RUNS):
        took, found = _at_once(
            BATCH_CALLERS,
            count,
            lambda caller, place, run=run: appender.append(log, f"{run}-{caller}-{place}", batches[caller][place]),  # type: ignore[misc]
        )
        rates.append(per_second(BATCH_CALLERS * count * BATCH, took))
        times += found
    return round(median(rates)), spread(times, 1e3)[1]


def _singles(appender: Appender, count: int) -> int:
    """Entries a second of callers with one entry at a time, who share transactions."""
    log = secrets.token_bytes(32)
    entries = _entries(1, count)
    appender.append(log, "first", entries[:1])
    rates = []
    for run in range(RUNS):
        took, _ = _at_once(
            SINGLE_CALLERS,
            count,
            lambda caller, place, run=run: appender.append(log, f"{run}-{caller}-{place}", [entries[place]]),  # type: ignore[misc]
        )
        rates.append(per_second(SINGLE_CALLERS * count, took))
    return round(median(rates))


def _at_once(callers: int, count: int, work: Work) -> tuple[float, list[float]]:
    """How long all callers together take, each with one piece of work after the other, and the time of each piece."""
    gate = threading.Barrier(callers + 1)
    found: list[list[float]] = [[] for _ in range(callers)]

    def call(caller: int) -> None:
        gate.wait()
        for place in range(count):
            began = time.perf_counter()
            work(caller, place)
            found[caller].append(time.perf_counter() - began)

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
    thresholds = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *thresholds[1:])
    gc.collect()
    gc.freeze()
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    if any(len(one) != count for one in found):
        raise RuntimeError("a caller failed; its error stands above")
    return took, [one for times in found for one in times]


def _proof_us(store: Store, log: bytes, size: int, count: int) -> float:
    """The mean time of an inclusion proof in the tree of so many entries, in microseconds, its tiles in memory."""
    random = Random(1)  # noqa: S311 - a bench repeats itself
    nodes = store.audit.nodes(log)
    asked = [random.randrange(size) for _ in range(count)]
    prove: Callable[[int], object] = lambda place: inclusion_proof(nodes, asked[place], size)  # noqa: E731
    each(prove, count)
    return median(sum(each(prove, count)) for _ in range(RUNS)) * 1e6 / count


def _proofs_by_size(store: Store, sizes: Sequence[int]) -> Mapping[str, float]:
    """The time of a proof as one log grows, by its size."""
    log = secrets.token_bytes(32)
    found: dict[str, float] = {}
    edge = Edge()
    for size in sizes:
        edge = _fill(store, log, edge, size)
        found[str(size)] = round(_proof_us(store, log, size, 2_000), 1)
    return found


def _fill(store: Store, log: bytes, edge: Edge, size: int) -> Edge:
    """Grow a log to a size by small entries, with no heads or receipts."""
    while edge.size < size:
        first = edge.size
        rows = []
        for index in range(first, min(size, first + 50_000)):
            data = b'{"index":%d}' % index
            rows.append(StoredEntry(log, index, data, leaf_hash(data)))
        edge, runs = edge.extend([row.leaf for row in rows])
        with store.audit.writer(log) as writer:
            writer.append(rows, runs)
    return edge


def _rescan(store: Store, keys: FileLogKeys, log: bytes, size: int) -> int:
    newest = store.audit.checkpoint(log)
    anchored = SimpleNamespace(heads_of=lambda _: [(newest, None)], accesses_of=lambda _: [])  # all but a short tail is
    ports: Any = SimpleNamespace(audit=store.audit, mirror=anchored, log_keys=keys)
    scan = store.scan(usable_cores())

    def check() -> None:
        health = check_log(ports, log, scan=scan)
        if not health.sound or health.entries != size:
            raise RuntimeError(f"the log does not hold: {health.findings[:1]}")

    return per_second(size, typical([check] * RUNS))


def _pymerkle(stage: Stage, home: Path) -> int:
    tree = pymerkle.SqliteTree(str(home / "pymerkle.sqlite"), algorithm="sha256")
    count = stage.pick(100, 500)
    data = [hashlib.sha256(str(place).encode()).digest() * 20 for place in range(count)]
    rate = per_second(count, sum(each(lambda place: tree.append_entry(data[place]), count)))
    tree.con.close()
    return rate


def _floor(stage: Stage, home: Path) -> int:
    connection = sqlite3.connect(home / "floor.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entry (place INTEGER PRIMARY KEY, data BLOB)")
    data = secrets.token_bytes(791)
    count = stage.pick(20, 100)

    def insert(batch: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        rows = [(place, data) for place in range(batch * BATCH, (batch + 1) * BATCH)]
        connection.executemany("INSERT INTO entry VALUES (?, ?)", rows)
        connection.execute("COMMIT")

    rate = per_second(count * BATCH, sum(each(insert, count)))
    connection.close()
    return rate
