"""What all benches share: runs and their medians, progress, skipped figures, and the two ways to print.

A bench is a function that takes a ``Stage`` and gives figures by name; units stand in the names. A rate or a time is
the median of several runs, because a machine that does other things too is slow at times and never too fast.
"""

import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeVar

from rich.console import Console
from rich.table import Table

T = TypeVar("T")
Figure = float | int | str | Sequence[float | None] | Mapping[str, float] | None
Figures = dict[str, Figure]
Bench = Callable[["Stage"], Figures]
Measured = dict[str, object]


@dataclass(slots=True)
class Stage:
    """What one bench runs on.

    Args:
        folder: Its own temporary folder; removed afterwards.
        quick: Stay under a minute.
    """

    folder: Path
    quick: bool
    skipped: dict[str, str] = field(default_factory=dict)
    _homes: int = 0

    def pick(self, quick: T, full: T) -> T:
        """A size for this run."""
        return quick if self.quick else full

    def home(self) -> Path:
        """A fresh folder."""
        self._homes += 1
        path = self.folder / f"home{self._homes}"
        path.mkdir()
        return path

    def skip(self, reason: str, *figures: str) -> Figures:
        """The figures that cannot be had here; the reason is printed with them."""
        self.skipped.update(dict.fromkeys(figures, reason))
        return dict.fromkeys(figures)

    def say(self, text: str) -> None:
        """Progress, for people; never in the way of the figures."""
        sys.stderr.write(f"  {text}\n")
        sys.stderr.flush()


def seconds(work: Callable[[], object]) -> float:
    """How long the work takes, without a pause for collecting garbage of what was before."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def typical(works: Iterable[Callable[[], object]]) -> float:
    """The median time of several runs, in seconds."""
    return median(seconds(work) for work in works)


def per_second(count: int, took: float) -> int:
    """A rate, in whole units."""
    return round(count / took)


def spread(times: Sequence[float], scale: float) -> tuple[float, float]:
    """Median and 99th percentile of times in seconds, in units of ``1 / scale`` seconds."""
    ordered = sorted(times)
    return (
        round(ordered[len(ordered) // 2] * scale, 2),
        round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * scale, 2),
    )


def each(work: Callable[[int], object], count: int) -> list[float]:
    """The time of each of many calls, in seconds; the collector is off meanwhile, as in ``timeit``."""
    clock = time.perf_counter
    times = [0.0] * count
    gc.collect()
    gc.disable()
    try:
        for place in range(count):
            began = clock()
            work(place)
            times[place] = clock() - began
    finally:
        gc.enable()
    return times


def machine() -> dict[str, object]:
    """Where the figures come from."""
    return {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}


def as_json(name: str, figures: Figures, skipped: dict[str, str]) -> str:
    """One line."""
    line: Measured = {"bench": name, "machine": machine(), "figures": figures}
    if skipped:
        line["skipped"] = skipped
    return json.dumps(line)


def as_table(console: Console, name: str, title: str, figures: Figures, skipped: dict[str, str]) -> None:
    """A table for people."""
    console.print(f"\n[bold]{name}[/bold]: {title}")
    table = Table()
    table.add_column("figure")
    table.add_column("value", justify="right")
    for key, value in figures.items():
        table.add_row(key, f"skipped: {skipped.get(key, '')}" if value is None else _written(value))
    console.print(table)


def _written(value: Figure) -> str:
    match value:
        case float():
            return f"{value:,.2f}"
        case int():
            return f"{value:,}"
        case dict():
            return ", ".join(f"{name}: {_written(one)}" for name, one in value.items())
        case list() | tuple():
            return ", ".join("-" if one is None else _written(one) for one in value)
        case _:
            return str(value)
