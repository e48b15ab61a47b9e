"""How far a long start is: a bar on standard error with percent, rate and time left; a short start says nothing.

Where standard error is no terminal, a line is written at each tenth.
"""

import threading
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


class _Rate(ProgressColumn):
    """Facts a second."""

    def render(self, task: Task) -> Text:
        """The rate, once there is one."""
        return Text("" if task.speed is None else f"{task.speed:,.0f} facts/s")


class Bar:
    """Shows the reading of facts. Thread-safe.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console: Final = console or Console(stderr=True, soft_wrap=True, highlight=False)
        self._lock: Final = threading.Lock()
        self._shown: Progress | None = None
        self._tenth = 0

    def __call__(self, done: int, total: int) -> None:
        """Show that so many of all facts are read."""
        if total < LEAST:
            return
        with self._lock:
            if self._console.is_terminal:
                self._draw(done, total)
            elif done == 0 or done * 10 // total > self._tenth:
                self._tenth = done * 10 // total
                self._console.print(f"reading the copy of the chain: {done:,} of {total:,} facts ({done / total:.0%})")

    def _draw(self, done: int, total: int) -> None:
        if self._shown is None:
            self._shown = Progress(
                TextColumn("reading the copy of the chain"),
                BarColumn(),
                TaskProgressColumn(),
                MofNCompleteColumn(),
                _Rate(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._shown.add_task("", total=total)
            self._shown.start()
        self._shown.update(self._shown.task_ids[0], completed=done, total=total)
        if done >= total:
            self._shown.stop()
            self._shown = None
