"""Canonical entries: equal to the reference library on all that is accepted, and a refusal for all else."""

import json
from collections import OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from ledger.transparency.canonical import MAX_DEPTH, MAX_INTEGER, decode, decode_object, encode, encode_each

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(max_codepoint=127))
SCALARS = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)


class Colour(IntEnum):
    RED = 1


class Word(StrEnum):
    RED = "red"


@settings(deadline=None)
@given(VALUES)
def test_equals_the_reference_library(value):
    assert encode(value) == rfc8785.dumps(value)


@settings(deadline=None)
@given(VALUES)
def test_decode_gives_the_value_back(value):
    assert decode(encode(value)) == value


@settings(deadline=None)
@given(st.lists(VALUES, max_size=6))
def test_many_are_encoded_as_each_alone(values):
    assert encode_each(values, "name") == [encode(value) for value in values]


@pytest.mark.parametrize(
    "code", [*range(0x20), 0x22, 0x2F, 0x5C, 0x7F, 0x80, 0xD7FF, 0xE000, 0x2028, 0x1F600, 0x10FFFF]
)
def test_each_escape_is_the_one_of_the_standard(code):
    assert encode([chr(code)]) == rfc8785.dumps([chr(code)])


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (1.5, r"\$: a float"),
        ({"a": [0, {"b": 2.0}]}, r"\$\.a\[1\]\.b: a float"),
        (float("nan"), r"\$: a float"),
        (2**53, "beyond 2\\^53 - 1"),
        (-(2**53), "beyond 2\\^53 - 1"),
        ({"a": 10**400}, r"\$\.a: an integer beyond"),
        ({"é": 1}, "not an ASCII string"),
        ({1: 1}, "not an ASCII string"),
        ({Word.RED: 1}, "not an ASCII string"),
        (Colour.RED, "Colour is not a JSON type"),
        ([Word.RED], r"\$\[0\]: Word"),
        (b"bytes", "bytes is not"),
        ((1, 2), "tuple is not"),
        (OrderedDict(a=1), "OrderedDict is not"),
        ({1, 2}, "set is not"),
        (Decimal(1), "Decimal is not"),
        (datetime(2020, 1, 1, tzinfo=UTC), "datetime is not"),
        ("\ud800", "surrogate"),
    ],
)
def test_what_has_no_single_form_is_refused_with_its_path(value, path):
    with pytest.raises(InvalidInput, match=path):
        encode(value)
    for values in ([value], ["good", value], [{"red": 1}, value, "good"]):
        with pytest.raises(InvalidInput, match=path.replace(r"\$", r"\$\.name")):
            encode_each(values, "name")


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def test_nesting_is_bounded():
    assert decode(encode(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    with pytest.raises(InvalidInput, match="nested deeper"):
        encode(nested(MAX_DEPTH + 1))
    assert encode_each([nested(MAX_DEPTH - 1), 1], "name") == [encode(nested(MAX_DEPTH - 1)), b"1"]
    with pytest.raises(InvalidInput, match="nested deeper"):
        encode_each([1, nested(MAX_DEPTH)], "name")
    loop = {}
    loop |= {"self": loop, "again": loop}
    with pytest.raises(InvalidInput, match="nested deeper"):
        encode(loop)
    with pytest.raises(InvalidInput, match="nested deeper"):
        encode_each([1, loop], "name")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b' {"a":1}',
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":2}',
        b"1.0",
        b"1e2",
        b"-0",
        b"01",
        b"9007199254740992",
        b"9" * 5000,
        b"1e400",
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u001F"',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b"\xff",
        b"\xef\xbb\xbf1",
        b"1\n",
        b"[" * 100_000,
        b"NaN",
        b"'a'",
    ],
)
def test_bytes_in_another_form_are_refused(data):
    with pytest.raises(InvalidInput):
        decode(data)


@settings(deadline=None)
@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_decode_accepts_only_what_encode_writes(data):
    try:
        value = decode(data)
    except InvalidInput:
        return
    assert encode(value) == data


def test_an_object_is_demanded_where_one_is_expected():
    assert decode_object(b'{"a":[]}') == {"a": []}
    with pytest.raises(InvalidInput, match="not an object"):
        decode_object(b"[]")
