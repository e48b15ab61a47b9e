import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.identifiers import parse_bytes, parse_id, to_hex
from ledger.errors import InvalidInput

GOOD = "0x" + "ab" * 32


@given(st.binary(min_size=32, max_size=32).filter(any))
def test_an_id_reads_back(value):
    assert parse_id(to_hex(value)) == value


@given(st.binary(max_size=200))
def test_bytes_read_back(value):
    assert parse_bytes(to_hex(value)) == value


@pytest.mark.parametrize(
    "text",
    ["", "0x", GOOD[2:], GOOD[:-1], GOOD + "a", GOOD.upper(), "0X" + "ab" * 32, GOOD + "\n", " " + GOOD,
     "0x" + "zz" * 32, "0x" + "00" * 32, None, 5, b"\xab" * 32],
)  # fmt: skip
def test_what_is_no_id(text):
    with pytest.raises(InvalidInput, match="subject"):
        parse_id(text, what="subject")


@pytest.mark.parametrize("text", ["0xa", "0xAB", "ab", "0xab ", None, 1])
def test_what_are_no_bytes(text):
    with pytest.raises(InvalidInput):
        parse_bytes(text)


def test_sizes_are_held():
    assert parse_bytes("0x", what="proof") == b""
    assert parse_bytes(GOOD, size=32) == b"\xab" * 32
    with pytest.raises(InvalidInput, match="32 bytes, not 31"):
        parse_bytes(GOOD[:-2], size=32)
    with pytest.raises(InvalidInput, match="at most 31"):
        parse_bytes(GOOD, at_most=31)
