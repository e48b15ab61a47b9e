"""Canonical bytes of a log entry: RFC 8785 (JCS), on the part of JSON that cannot be read in two ways.

Invariants:

- One value has one encoding, and ``decode`` accepts that encoding alone, so bytes and value name each other.
- Accepted are objects with ASCII keys, lists, strings, integers within +-(2^53 - 1), booleans and null. A float is
  refused: decimal numbers travel as strings, because two JSON libraries may print one float differently.
- Types are taken exactly: an ``IntEnum``, a ``datetime`` or ``bytes`` is refused rather than guessed at.

Source: https://www.rfc-editor.org/rfc/rfc8785
"""

from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any, TypeAlias

import msgspec

from ledger.errors import InvalidInput

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"
"""What an entry may hold."""

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader holds exactly (RFC 8785 section 3.2.2.3, RFC 7493 section 2.2)."""

MAX_DEPTH = 64
"""The deepest nesting of lists and objects."""

# msgspec sorts keys by their bytes and RFC 8785 by UTF-16 code units: for ASCII keys these are the same order.
_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder()
_SCALARS = frozenset({str, bool, type(None)})
_TYPES = _SCALARS | {int, dict, list}


def encode(value: object) -> bytes:
    """The canonical bytes of ``value``.

    Args:
        value: A value built of ``Json`` alone.

    Returns:
        UTF-8 bytes, without a final newline.

    Raises:
        InvalidInput: The value holds something outside ``Json``; the message gives its path.
    """
    if not _is_plain(value, MAX_DEPTH):
        raise InvalidInput(_complaint(value))
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError as error:
        raise InvalidInput(
            "a string holds half of a surrogate pair, which UTF-8 cannot carry: send whole text"
        ) from error


def encode_each(values: Sequence[object], name: str) -> list[bytes]:
    """The canonical bytes of many values, each of which is to stand in an object under a name of ASCII letters.

    As ``encode`` of each, in half of the time where there are hundreds.

    Raises:
        InvalidInput: As for ``encode``, of the object of the first value that is refused.
    """
    try:
        # Encoded first, which ends where a value holds itself; within a string, a line feed is escaped.
        data = _ENCODER.encode_lines(values).split(b"\n")[:-1]
    except (TypeError, ValueError, OverflowError, RecursionError):
        plain = False
    else:
        plain = _are_plain(values, MAX_DEPTH - 1)
    return data if plain else [encode({name: value})[len(name) + 4 : -1] for value in values]


def decode(data: bytes) -> Json:
    """The value whose canonical bytes are ``data``.

    Args:
        data: Bytes that ``encode`` wrote, here or elsewhere.

    Raises:
        InvalidInput: The bytes are not JSON, hold something outside ``Json``, or are not in canonical form
            (order of keys, a repeated key, white space, another escape).
    """
    try:
        value: Json = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"not JSON in canonical form: {error}") from error
    if encode(value) != data:
        raise InvalidInput("JSON, but not in the canonical form of RFC 8785: send the bytes as they were written")
    return value


def same(one: object, other: object) -> bool:
    """Whether two values of ``Json`` are written alike; for ``==``, true would be 1."""
    return encode(one) == encode(other)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of some members, as ``json.loads`` hands them to its ``object_pairs_hook``.

    Raises:
        ValueError: A name stands twice; readers differ in which of its values they take.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def decode_object(data: bytes) -> dict[str, Json]:
    """As ``decode``, for bytes that must hold one object.

    Raises:
        InvalidInput: As for ``decode``, or the value is not an object.
    """
    value = decode(data)
    if not isinstance(value, dict):
        raise InvalidInput("canonical JSON, but not an object")
    return value


def _is_plain(value: object, depth: int) -> bool:
    """Whether ``encode`` accepts ``value``. It says no more than that: the path is worked out only for a refusal."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is int:
        return -MAX_INTEGER <= value <= MAX_INTEGER  # type: ignore[operator]
    if kind is dict and depth:
        for key, item in value.items():  # type: ignore[attr-defined]
            plain = type(item) is str or _is_plain(item, depth - 1)  # most are strings: no call for them
            if type(key) is not str or not key.isascii() or not plain:
                return False
        return True
    if kind is list and depth:
        return all(_is_plain(item, depth - 1) for item in value)  # type: ignore[attr-defined]
    return False


def _are_plain(values: Collection[object], depth: int) -> bool:
    """As ``_is_plain`` of all values: level by level, so that each look takes in the values of a whole level."""
    kinds = set(map(type, values))
    if not kinds <= _TYPES:
        return False
    others = [value for value in values if type(value) is not str] if str in kinds else values  # most are strings
    if int in kinds and not all(-MAX_INTEGER <= value <= MAX_INTEGER for value in others if type(value) is int):
        return False
    objects = [value for value in others if type(value) is dict] if dict in kinds else []
    lists = [value for value in others if type(value) is list] if list in kinds else []
    if not objects and not lists:
        return True
    keys = list(chain.from_iterable(objects))
    if not depth or not set(map(type, keys)) <= {str} or not "".join(set(keys)).isascii():
        return False
    return _are_plain([*chain.from_iterable(map(dict.values, objects)), *chain.from_iterable(lists)], depth - 1)


def _complaint(value: object, path: str = "$", depth: int = MAX_DEPTH) -> str:
    """Why ``_is_plain`` refuses ``value``, with the path of the first thing that is wrong; empty if it does not."""
    if _is_plain(value, depth):
        return ""
    if isinstance(value, dict | list) and depth == 0:
        return f"{path}: nested deeper than {MAX_DEPTH}: flatten it"
    if type(value) is dict:
        return _complaint_about_object(value, path, depth)
    if type(value) is list:
        found = (_complaint(item, f"{path}[{index}]", depth - 1) for index, item in enumerate(value))
        return next(filter(None, found))
    return f"{path}: {_advice(value)}"


def _complaint_about_object(value: dict[object, object], path: str, depth: int) -> str:
    for key, item in value.items():
        if type(key) is not str or not key.isascii():
            return f"{path}: the key {key!r} is not an ASCII string"
        if complaint := _complaint(item, f"{path}.{key}", depth - 1):
            return complaint
    raise AssertionError(path)  # _is_plain refused the object, so one of its items is refused


def _advice(value: object) -> str:
    if type(value) is int:
        return "an integer beyond 2^53 - 1: send it as a string"
    if isinstance(value, float):
        return "a float has no single written form: send the decimal number as a string"
    return f"{type(value).__name__} is not a JSON type: send an object, list, string, integer, boolean or null"
