import pytest
import rlp as library
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain import rlp
from ledger.errors import InvalidInput

nested = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=6), max_leaves=20)


@given(nested)
def test_encoding_equals_the_library(value):
    assert rlp.encode(value) == library.encode(value)
    assert rlp.decode(rlp.encode(value)) == value


@given(st.integers(0, 1 << 300))
def test_integers_equal_the_library(value):
    assert rlp.encode(rlp.integer(value)) == library.encode(value)


@given(st.binary(max_size=40))
def test_reading_agrees_with_the_library_on_what_is_valid(data):
    try:
        expected = library.decode(data)
    except Exception:  # noqa: BLE001 - the library raises many kinds
        with pytest.raises(InvalidInput):
            rlp.decode(data)
    else:
        assert rlp.decode(data) == expected


def test_long_values_have_long_lengths():
    for size in (55, 56, 255, 256, 70_000):
        assert rlp.decode(rlp.encode([b"x" * size])) == [b"x" * size]
