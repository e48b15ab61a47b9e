"""The snapshot from ten thousand consents to the fourteen million of a country: a check, a cohort, memory, the load.

Each size runs in a process of its own, so that its memory is its own. ``load_s`` is the start from the mirror's tables,
measured where writing such a mirror first is bearable; None beyond. A check asks about a patient that was not asked
about lately; ``warm_p50_us`` is of one out of the same hundred. Each cohort is asked a minute after the one before, so
that consents begin and end in between; ``count_first_ms`` is the first of them. ``cohort_ms`` is count and commitment,
``register_s`` what the first commitment of a table needs once.

CONSENTRY_BENCH_SIZES, numbers with commas between, chooses other sizes.
"""

import json
import os
import secrets
import subprocess
import sys
from itertools import count as count_from
from pathlib import Path
from random import Random
from resource import RUSAGE_SELF, getrusage
from statistics import median

from benches import history, population
from benches.harness import Figures, Stage, each, seconds, spread, typical
from ledger.chain.decoding import read_event
from ledger.snapshot.cohort import commit
from ledger.snapshot.snapshot import Snapshot
from ledger.store.store import open_store

QUICK = (10_000, 100_000, 1_000_000)
FULL = (*QUICK, 14_000_000)
MOST_LOADED = {True: 10_000, False: 100_000}
CHECKS = 20_000
WARM = 100
RUNS = 7
MINUTE = 60


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    asked = os.environ.get("CONSENTRY_BENCH_SIZES", "")
    sizes = tuple(map(int, asked.split(","))) if asked else stage.pick(QUICK, FULL)
    found: dict[str, list[float]] = {}
    for size in sizes:
        stage.say(f"{size:,} consents")
        for key, value in _apart(size).items():
            found.setdefault(key, []).append(value)
    load: list[float | None] = [_load(stage, size) if size <= MOST_LOADED[stage.quick] else None for size in sizes]
    return {"sizes": list(sizes), **found, "load_s": load}


def _apart(size: int) -> dict[str, float]:
    ran = subprocess.run(
        [sys.executable, "-m", "benches.scale", str(size)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    figures: dict[str, float] = json.loads(ran.stdout)
    return figures


def figures_of(size: int) -> dict[str, float]:
    """The figures of one size."""
    snapshot = population.snapshot(size)
    table, request, now = snapshot.table, population.REQUEST, history.NOW
    rounds = [_checks(snapshot, place) for place in range(RUNS)]
    middle, worst, warm = (round(median(each), 2) for each in zip(*rounds, strict=True))
    clock = count_from(now, MINUTE)
    first = seconds(lambda: snapshot.cohort(request, next(clock)))
    count = typical([lambda: snapshot.cohort(request, next(clock))] * RUNS)
    register = seconds(lambda: table.register().roots)

    def cohort() -> object:
        return commit(table, snapshot.cohort(request, next(clock)), secrets.token_bytes(32)).commitment

    both = typical([cohort] * RUNS)
    return {
        "check_p50_us": middle,
        "check_p99_us": worst,
        "warm_p50_us": warm,
        "count_first_ms": round(first * 1e3, 2),
        "count_ms": round(count * 1e3, 2),
        "cohort_ms": round(both * 1e3, 2),
        "register_s": round(register, 2),
        "rss_gib": round(_resident(), 3),
        "peak_gib": round(getrusage(RUSAGE_SELF).ru_maxrss / 2**20, 3),
    }


def _checks(snapshot: Snapshot, round_: int) -> tuple[float, float, float]:
    """Checks of patients not asked about before, median and 99th percentile in µs; and the median of a few of them."""
    table = snapshot.table
    places = Random(round_).choices(range(table.subjects), k=CHECKS)  # noqa: S311 - a bench repeats itself
    asked = [[table.id(place)] for place in places]

    def check(place: int) -> object:
        return snapshot.decide(population.REQUEST, asked[place], history.NOW)

    middle, worst = spread(each(check, CHECKS), 1e6)
    warm, _ = spread(each(lambda place: check(place % WARM), CHECKS), 1e6)
    return middle, worst, warm


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**30


def _load(stage: Stage, consents: int) -> float:
    store = open_store(f"sqlite:///{stage.home() / 'mirror.sqlite'}", read_event)
    try:
        written = history.write(store.mirror, consents * 8 // 9)
        number = written.cursor.block.number
        return round(seconds(lambda: Snapshot.build(written.cursor.block, store.mirror.facts_at(number))), 2)
    finally:
        store.close()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(figures_of(int(sys.argv[1]))))
