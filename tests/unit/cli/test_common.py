"""Tables: an id is whole on a terminal of any width, so that it can be copied."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ledger.cli.common import Whole

ID = "0x" + "ab" * 32


def printed(table, width):
    console = Console(file=io.StringIO(), width=width, soft_wrap=True, highlight=False)
    console.print(table)
    return console.file.getvalue()


@given(st.integers(10, 300), st.integers(1, 3))
def test_no_word_is_folded_at_any_width(width, ids):
    table = Whole("name", *["id"] * ids, "found")
    table.add("a log", *[ID] * ids, f"the root {ID} is another one")
    assert printed(table, width).count(ID) == ids + 1


def test_a_sentence_in_the_last_column_breaks_between_words():
    table = Whole("check", "", "found")
    table.add("tree", "could not check", "one word after another " * 8)
    lines = printed(table, 80).splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 80
    assert "could not check" in lines[2]


def test_a_table_without_headings_has_none():
    table = Whole(None, None)
    table.add("head", ID)
    assert printed(table, 20).replace("│", " ").split() == ["head", ID]
