"""Many ids are read as one is: the same ids, and the same refusals."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.hot.forms import parse_ids
from ledger.domain.identifiers import parse_id
from ledger.errors import InvalidInput

ONE = "0x" + "ab" * 32
good = st.binary(min_size=32, max_size=32).filter(any).map(lambda packed: "0x" + packed.hex())
bad = st.one_of(
    st.text(max_size=70),
    st.sampled_from(
        [
            "",
            ONE.upper(),
            ONE[:-1],
            ONE + "0",
            f"{ONE}\n{ONE}",
            "0x" + "0" * 64,
            ONE[:-1] + "\n",
            ONE[:-1] + "é",
            "\ud800",
        ]
    ),
)


def read(parse, texts):
    try:
        return parse(texts)
    except InvalidInput:
        return None


@given(st.lists(good, max_size=5), st.lists(bad, max_size=2), st.randoms())
@example([], [f"{ONE}\n{ONE[:-1]}", ""], None)
@example([], [ONE + "0", ONE[1:]], None)
@example([ONE], [ONE[:-1] + "g"], None)
@example([ONE], [ONE[:-1] + "B"], None)
def test_many_are_read_as_each_of_them_is(ids, others, order):
    texts = [*ids, *others]
    if order is not None:
        order.shuffle(texts)
    expected = read(lambda all_: [parse_id(text) for text in all_] or None, texts)
    assert read(parse_ids, texts) == expected


@pytest.mark.parametrize("place", range(66))
def test_each_character_counts(place):
    for character in "gG\n ":
        with pytest.raises(InvalidInput):
            parse_ids([ONE, ONE[:place] + character + ONE[place + 1 :]])
