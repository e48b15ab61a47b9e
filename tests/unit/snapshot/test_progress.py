"""A long start says how far it is; a short one says nothing."""

from io import StringIO

import pytest
from rich.console import Console

from ledger.snapshot.progress import LEAST, Bar


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_start_says_how_far_it_is(terminal):
    written = StringIO()
    bar = Bar(Console(file=written, force_terminal=terminal, width=200))
    for done in range(0, 10 * LEAST + 1, LEAST):
        bar(done, 10 * LEAST)
    shown = written.getvalue()
    assert "reading the copy of the chain" in shown
    assert "100%" in shown
    if not terminal:
        assert len(shown.splitlines()) == 11


def test_a_short_start_says_nothing():
    written = StringIO()
    bar = Bar(Console(file=written, force_terminal=True))
    bar(0, LEAST - 1)
    bar(LEAST - 1, LEAST - 1)
    assert not written.getvalue()
