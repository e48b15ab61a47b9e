"""One value, one text: what Python's own readers let through is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from ledger.transparency.encoding import from_base64, from_base64url, from_hex, to_base64, to_base64url, to_hex


@given(st.binary(max_size=80))
def test_each_text_form_gives_the_bytes_back(data):
    assert from_base64(to_base64(data)) == data
    assert from_base64url(to_base64url(data)) == data
    assert from_hex(to_hex(data), len(data)) == data


@pytest.mark.parametrize("text", ["YQ", "YQ=", "YR==", "YQ==\n", "YQ==YQ==", "Y Q==", "-_-_", "é", "YQ===", "="])
def test_loose_base64_is_refused(text):
    with pytest.raises(InvalidInput, match="base64"):
        from_base64(text)


@pytest.mark.parametrize("text", ["YQ==", "YR", "Y", "YQ\n", "Y Q", "+/+/", "é", "YQ.", "\ud800"])
def test_loose_base64url_is_refused(text):
    with pytest.raises(InvalidInput, match="base64url"):
        from_base64url(text)


@pytest.mark.parametrize("text", ["", "0x", "61" * 32, "0X" + "61" * 32, "0x" + "6A" * 32, "0x" + "61" * 31, "0x 61"])
def test_loose_hex_is_refused(text):
    with pytest.raises(InvalidInput, match=r"hex|32 bytes"):
        from_hex(text)


def test_hex_with_white_space_is_refused():
    with pytest.raises(InvalidInput, match="lower-case hex digits"):
        from_hex("0x" + "61" * 31 + " 61")
