"""A long start says how far it is; a short one says nothing."""

from io import StringIO

import pytest
from rich.console import Console

from ledger.snapshot.progress import EVERY, LEAST, Bar

STEPS = 100


class Shown:
    """A bar, what it wrote, and a clock that is set by hand."""

    def __init__(self, *, terminal: bool, least: int = LEAST) -> None:
        self.written, self.at = StringIO(), 0.0
        console = Console(file=self.written, force_terminal=terminal, width=200)
        self.bar = Bar("taking in", "blocks", least=least, console=console, now=lambda: self.at)

    def run(self, seconds: float, total: int = STEPS * LEAST) -> list[str]:
        """Do all the work evenly in so many seconds; returns what was written."""
        for step in range(STEPS + 1):
            self.at = seconds * step / STEPS
            self.bar(total * step // STEPS, total)
        return self.written.getvalue().splitlines()


def test_a_long_start_draws_a_bar_on_a_terminal():
    shown = "".join(Shown(terminal=True).run(60))
    assert "taking in" in shown
    assert "100%" in shown


def test_elsewhere_a_line_is_written_every_few_seconds_with_rate_and_time_left():
    lines = Shown(terminal=False).run(100)
    assert len(lines) == 100 / EVERY + 1
    assert lines[0] == "taking in: 0 of 10,000,000 blocks (0%)"
    assert lines[10] == "taking in: 5,000,000 of 10,000,000 blocks (50%), 100,000 blocks/s, 0:00:50 left"
    assert lines[-1] == "taking in: 10,000,000 of 10,000,000 blocks (100%), 100,000 blocks/s"


def test_what_was_done_before_does_not_count_to_the_rate():
    shown = Shown(terminal=False, least=10)
    shown.bar(900, 1_000)
    shown.at = EVERY
    shown.bar(950, 1_000)
    assert shown.written.getvalue().splitlines()[-1].endswith("(95%), 10 blocks/s, 0:00:05 left")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_short_start_says_nothing(terminal):
    shown = Shown(terminal=terminal)
    assert shown.run(60, LEAST - 1) == []
    shown.bar(10 * LEAST, 10 * LEAST + 1)
    assert not shown.written.getvalue()


def test_a_bar_that_is_closed_gives_the_cursor_back():
    shown = Shown(terminal=True)
    shown.bar(0, LEAST)
    shown.bar.close()
    written = shown.written.getvalue()
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l") >= 0
    shown.bar.close()
    assert shown.written.getvalue() == written


def test_a_second_start_is_shown_anew():
    shown = Shown(terminal=False, least=10)
    for _ in range(2):
        shown.bar(0, 10)
        shown.bar(10, 10)
    assert len(shown.written.getvalue().splitlines()) == 4
