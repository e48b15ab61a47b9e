"""Cursors say nothing, and are of use for nothing but their own search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursors import Cursors
from ledger.errors import InvalidInput

CURSORS = Cursors(b"\x01" * 32)


@given(st.binary(max_size=80), st.binary())
def test_what_was_given_is_read(place, search):
    cursor = CURSORS.give(place, search)
    assert Cursors(b"\x01" * 32).read(cursor, search) == place
    for other in (Cursors(b"\x02" * 32), CURSORS):
        with pytest.raises(InvalidInput, match="start again"):
            other.read(cursor, search + b"x")


@given(st.binary(min_size=8, max_size=40), st.data())
def test_no_other_text_is_read(place, data):
    cursor = CURSORS.give(place, b"search")
    at = data.draw(st.integers(0, len(cursor) - 1))
    letter = data.draw(st.sampled_from("ABab01-_=.\N{LATIN SMALL LETTER E WITH ACUTE}"))
    changed = cursor[:at] + letter + cursor[at + 1 :]
    if changed != cursor:
        with pytest.raises(InvalidInput):
            CURSORS.read(changed, b"search")


def test_a_place_is_not_seen_in_it():
    places = [bytes(32) + index.to_bytes(8) for index in range(3)]
    given_out = [CURSORS.give(place, b"search") for place in places]
    assert len({cursor[22:50] for cursor in given_out}) == 3


@pytest.mark.parametrize("text", ["", "A", "AAAA", "A" * 90, "%%%"])
def test_made_up_cursors_are_refused(text):
    with pytest.raises(InvalidInput):
        CURSORS.read(text, b"search")
