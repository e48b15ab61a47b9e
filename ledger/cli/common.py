"""What the commands share: the settings of this process, a ledger to look into, and printing tables."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ledger.config import Settings

if TYPE_CHECKING:
    from ledger.bootstrap import Ledger

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)
_WIDEST = 10_000


class Whole:
    """A table without edges, none of whose words is ever folded: an id can be copied from a narrow terminal as well.

    The last column breaks between words, the others do not; so a row may be longer than the terminal is wide.

    Args:
        headings: The names of the columns; None: the table has none.
    """

    def __init__(self, *headings: str | None) -> None:
        self.table = Table(show_header=any(headings), show_edge=False, pad_edge=False)
        for heading in headings:
            self.table.add_column(heading or "", min_width=len(heading or ""))

    def add(self, *cells: str) -> None:
        """Add a row; the cells may hold Rich's markup."""
        self.table.add_row(*cells)
        for column, cell in zip(self.table.columns[:-1], cells, strict=False):
            column.min_width = max(column.min_width or 0, Text.from_markup(cell).cell_len)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Called by Rich."""
        least = Measurement.get(console, options.update(width=_WIDEST), self.table).minimum
        yield from console.render(self.table, options.update(width=max(options.max_width, least)))


def settings() -> Settings:
    """The settings, from the environment."""
    return Settings.read(os.environ, Path.cwd())


@contextmanager
def opened(*, writable: bool = False) -> Iterator["Ledger"]:
    """The ledger of this machine; by default only read, so that a running service is not disturbed."""
    from ledger.bootstrap import open_ledger

    with open_ledger(settings(), writable=writable) as ledger:
        yield ledger
