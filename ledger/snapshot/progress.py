"""How far a long start is: a bar on standard error with percent, rate and time left; a short start says nothing.

Where standard error is no terminal, a line is written every few seconds.
"""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LEAST: Final = 100_000
"""Facts from which on it is worth a bar: they take some seconds."""
EVERY: Final = 5.0
"""Seconds from one line to the next."""


class _Rate(ProgressColumn):
    """So many a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """The rate, once there is one."""
        return Text("" if task.speed is None else f"{task.speed:,.0f} {self._unit}/s")


class Bar:
    """Shows how much of some work is done. Thread-safe.

    Args:
        what: What is done, as its name is shown.
        unit: What is counted, in the plural.
        least: How much must be left at its begin to be worth showing.
        console: Where to.
        now: Seconds that only rise.
    """

    def __init__(
        self,
        what: str,
        unit: str,
        *,
        least: int = LEAST,
        console: Console | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what: Final = what
        self._unit: Final = unit
        self._least: Final = least
        self._console: Final = console or Console(stderr=True, soft_wrap=True, highlight=False)
        self._now: Final = now
        self._lock: Final = threading.Lock()
        self._began: tuple[float, int] | None = None
        """When it began, and how much was done by then."""
        self._said_at = 0.0
        self._shown: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        """Show that so much of all is done."""
        with self._lock:
            if self._began is None:
                if total - done < self._least:
                    return
                self._began = (self._now(), done)
                self._said_at = float("-inf")
            if self._console.is_terminal:
                self._draw(done, total)
            elif done >= total or self._now() >= self._said_at + EVERY:
                self._said_at = self._now()
                self._console.print(self._line(*self._began, done, total))
            if done >= total:
                self._end()

    def close(self) -> None:
        """End it where it stands: the terminal is as it was."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        self._began = None
        if self._shown is not None:
            self._shown.stop()
            self._shown = None

    def _line(self, began_at: float, began_with: int, done: int, total: int) -> str:
        line = f"{self._what}: {done:,} of {total:,} {self._unit} ({done / total:.0%})"
        passed = self._now() - began_at
        if done <= began_with or passed <= 0:
            return line
        rate = (done - began_with) / passed
        left = timedelta(seconds=round((total - done) / rate))
        return f"{line}, {rate:,.0f} {self._unit}/s" + (f", {left} left" if done < total else "")

    def _draw(self, done: int, total: int) -> None:
        if self._shown is None:
            self._shown = Progress(
                TextColumn(self._what),
                BarColumn(),
                TaskProgressColumn(),
                MofNCompleteColumn(),
                _Rate(self._unit),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._shown.add_task("", total=total, completed=done)
            self._shown.start()
        self._shown.update(self._shown.task_ids[0], completed=done, total=total)
