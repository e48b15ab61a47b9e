"""What people see of the job: one line a step, progress where it lasts, a table at the end."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

_Item = TypeVar("_Item")


class Show:
    """The console of the job."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self.steps: list[tuple[str, str, float | None]] = []

    def title(self, text: str) -> None:
        """The first line."""
        self.console.print(f"[bold]{escape(text)}[/bold]")

    def say(self, text: str) -> None:
        """A line below a step."""
        self.console.print(f"    [dim]{escape(text)}[/dim]")

    def done(self, words: str, figure: str, seconds: float | None) -> None:
        """A step and its figure; no seconds: it was done at an earlier start."""
        place = len(self.steps) + 1
        self.steps.append((words, figure, seconds))
        took = "at an earlier start" if seconds is None else f"{seconds:.1f} s"
        self.console.print(
            f"[green]{place:>2}[/green] {escape(words)}: [bold]{escape(figure)}[/bold] [dim]({took})[/dim]"
        )

    def track(self, items: Sequence[_Item], words: str) -> Iterator[_Item]:
        """The items, with a progress bar while they last."""
        columns = (TextColumn("    {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(words, total=len(items))
            for item in items:
                yield item
                progress.advance(task)

    def table(self, title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table."""
        table = Table(title=title, title_justify="left", title_style="bold")
        for name in head:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*map(escape, row))
        self.console.print(table)

    def link(self, words: str, address: str) -> None:
        """An address, on a line of its own so that it can be copied whole."""
        self.console.print(f"  [bold]{escape(words)}[/bold]")
        self.console.print(f"  {address}", soft_wrap=True, markup=False)

    def failed(self, text: str) -> None:
        """Why the job stopped."""
        self.console.print(f"[red bold]The job stopped:[/red bold] {escape(text)}")


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """The seconds that a block took, in a list of one."""
    box = [0.0]
    began = time.monotonic()
    try:
        yield box
    finally:
        box[0] = time.monotonic() - began
