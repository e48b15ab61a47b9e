"""Appending to a log: group commit under 16 threads, alone, and what comes after.

Floors and peers in the same run: ``sqlite_floor_per_s`` is one durable insert a transaction with nothing else, the most
that single appends could reach; ``pymerkle_appends_per_s`` is the reference tree on SQLite, one entry a transaction.
"""

import hashlib
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median

import pymerkle

from benches.harness import Figures, Stage, each, per_second, seconds, spread, typical
from ledger.bootstrap import SystemClock
from ledger.domain.audit import Kind, NewEntry
from ledger.identity.seals import FileLogKeys
from ledger.services.append import Appender
from ledger.store.store import Store, open_store
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.tree import inclusion_proof

THREADS = 16
RUNS = 3
ENTRY = NewEntry(
    Kind.COMPLETED,
    actor="engine:0x" + "11" * 32,
    study="0x" + "22" * 32,
    engine="0x" + "33" * 32,
    operation="differential-privacy",
    decision="0x" + "44" * 32,
    block=(1_000, "0x" + "55" * 32),
    facts={"run": "66" * 16, "outputs": [{"name": "mean", "sha256": "0x" + "77" * 32}], "epsilon": "0.5"},
)


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    home = stage.home()
    store = open_store(f"sqlite:///{home / 'ledger.sqlite'}")
    try:
        appender = Appender(store.audit, SystemClock(), FileLogKeys(home / "keys"))
        log = secrets.token_bytes(32)
        appender.append(log, "first", [ENTRY])
        grouped, times = _grouped(appender, log, stage.pick(100, 400))
        _, worst = spread(times, 1e3)
        stage.say(f"{grouped:,} appends a second by {THREADS} threads")
        count = stage.pick(200, 1_000)
        alone = typical([lambda: _in_turn(appender, log, count)] * RUNS)
        large = secrets.token_bytes(32)
        rows = stage.pick(20_000, 200_000)
        batches = rows // 1_000
        batched = seconds(lambda: [appender.append(large, f"b{place}", [ENTRY] * 1_000) for place in range(batches)])
        return {
            "appends_per_s": grouped,
            "append_p99_ms": worst,
            "appends_single_per_s": per_second(count, alone),
            "appends_in_batches_per_s": per_second(rows, batched),
            "proofs_per_s": _proofs(stage, store, large, rows),
            "rescan_rows_per_s": per_second(rows, seconds(lambda: _rescan(store, large, rows))),
            "pymerkle_appends_per_s": _pymerkle(stage, home),
            "sqlite_floor_per_s": _floor(stage, home),
            "log_size": rows,
        }
    finally:
        store.close()


def _grouped(appender: Appender, log: bytes, count: int) -> tuple[int, list[float]]:
    """Appends of many threads, each waiting for its receipt before the next; the rate, and the time of each."""
    rates: list[float] = []
    times: list[float] = []
    for run in range(RUNS):
        gate = threading.Barrier(THREADS + 1)
        found: list[list[float]] = [[] for _ in range(THREADS)]

        def work(thread: int, run: int = run, gate: threading.Barrier = gate, found: list[list[float]] = found) -> None:
            gate.wait()
            for place in range(count):
                began = time.perf_counter()
                appender.append(log, f"g{run}-{thread}-{place}", [ENTRY])
                found[thread].append(time.perf_counter() - began)

        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
        for thread in threads:
            thread.start()
        gate.wait()
        began = time.perf_counter()
        for thread in threads:
            thread.join()
        rates.append(THREADS * count / (time.perf_counter() - began))
        times += [one for thread in found for one in thread]
    return round(median(rates)), times


def _in_turn(appender: Appender, log: bytes, count: int) -> None:
    run = secrets.token_hex(8)
    for place in range(count):
        appender.append(log, f"{run}-{place}", [ENTRY])


def _proofs(stage: Stage, store: Store, log: bytes, size: int) -> int:
    random = Random(1)  # noqa: S311 - a bench repeats itself
    nodes = store.audit.nodes(log)
    count = stage.pick(500, 2_000)
    times = each(lambda _place: inclusion_proof(nodes, random.randrange(size), size), count)
    return per_second(count, sum(times))


def _rescan(store: Store, log: bytes, size: int) -> None:
    """Read every entry and hash it again, as a check of the whole log does."""
    for entry in store.audit.entries(log, 0, size):
        assert leaf_hash(entry.canonical) == entry.leaf


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
    data = secrets.token_bytes(640)
    insert: Callable[[int], object] = lambda place: connection.execute(  # noqa: E731
        "INSERT INTO entry VALUES (?, ?)", (place, data)
    )
    count = stage.pick(500, 2_000)
    rate = per_second(count, sum(each(insert, count)))
    connection.close()
    return rate
