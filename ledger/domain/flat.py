"""Facts and events as flat rows of plain values, and the digest that is chained over them.

One layout serves three ends: the columns of the mirror's tables, the stored form of raw events, and the bytes of the
state digest. A value is flattened in the order of its class' fields; a nested ``Scope`` is laid out in place.

Layout: identifiers, hashes and signers are bytes; the 160-bit ``diseases`` of a scope are 20 bytes, big-endian; the
disease closures of a study are their JSON text; flags, enumerations and all other numbers are themselves. Encoded, a
value is the MessagePack array of its class' name and its flat values, integers in their shortest form
(https://github.com/msgpack/msgpack/blob/master/spec.md): equal values have equal bytes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from enum import Enum
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar, get_args

import msgspec

from ledger.domain.consent import Scope
from ledger.domain.events import Event
from ledger.domain.projection import Fact
from ledger.errors import InvalidInput

Value = bytes | str | int
NO_DIGEST = bytes(32)
"""The digest before the first block."""

_T = TypeVar("_T")
_Convert = Callable[[Any], Any]
_CLOSURES = tuple[tuple[int, ...], ...]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode
_closures = msgspec.json.Decoder(_CLOSURES).decode
_KINDS: dict[str, type] = {kind.__name__: kind for kind in (*get_args(Fact), *get_args(Event))}


class _Layout(NamedTuple):
    """How one class is flattened and made again; conversions by position."""

    columns: tuple[str, ...]
    flatten: Callable[[Any], list[Any]]
    outward: tuple[tuple[int, _Convert], ...]
    revive: tuple[tuple[int, _Convert], ...]
    scope_at: int | None


_LAYOUTS: dict[type, _Layout] = {}


def columns_of(kind: type) -> tuple[str, ...]:
    """The names of a class' flat values, in order; those of a nested scope start with ``scope_``."""
    return _layout(kind).columns


def flatten(value: Fact | Event) -> list[Value]:
    """The flat values of a fact or an event."""
    layout = _LAYOUTS.get(type(value)) or _layout(type(value))
    return layout.flatten(value)


def revive(kind: type[_T], row: Sequence[Any]) -> _T:
    """The fact or event that a flat row was made from.

    Raises:
        InvalidInput: The row is not one of this class.
    """
    layout = _layout(kind)
    values = list(row)
    try:
        for place, convert in layout.revive:
            values[place] = convert(values[place])
        if layout.scope_at is not None:
            end = layout.scope_at + len(_layout(Scope).columns)
            values[layout.scope_at : end] = [Scope(*values[layout.scope_at : end])]
        return kind(*values)
    except (TypeError, ValueError, IndexError, msgspec.MsgspecError) as problem:
        raise InvalidInput(f"not a row of {kind.__name__}: {problem}") from problem


def encode(value: Fact | Event) -> bytes:
    """The canonical bytes of a fact or an event."""
    return encode_row(type(value), flatten(value))


def encode_row(kind: type, row: Sequence[Value]) -> bytes:
    """The same from its flat values."""
    return _encode([kind.__name__, *row])


def decode(data: bytes) -> Any:
    """The fact or event that ``encode`` made these bytes from.

    Raises:
        InvalidInput: They are not the bytes of a fact or an event.
    """
    try:
        name, *row = _decode(data)
    except (msgspec.MsgspecError, ValueError) as problem:
        raise InvalidInput(f"not an encoded fact or event: {problem}") from problem
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise InvalidInput(f"not an encoded fact or event: {name!r} is no kind")
    return revive(kind, row)


def next_digest(digest: bytes, block_hash: bytes, facts: Iterable[bytes]) -> bytes:
    """The state digest after a block: SHA-256 of the last one, the block's hash and its facts.

    Args:
        digest: The digest after the block before (``NO_DIGEST`` where there is none), 32 bytes.
        block_hash: The block's hash, 32 bytes.
        facts: The encoded facts that the block's events made, in chain order.
    """
    hasher = sha256(digest + block_hash)
    for fact in facts:  # one by one: for more than 2,047 bytes hashlib lets another thread run, and then waits for it
        hasher.update(fact)
    return hasher.digest()


def _layout(kind: type) -> _Layout:
    if kind not in _LAYOUTS:
        _LAYOUTS[kind] = _lay_out(kind)
    return _LAYOUTS[kind]


def _lay_out(kind: type) -> _Layout:
    columns: list[str] = []
    paths: list[str] = []
    outward: list[tuple[int, _Convert]] = []
    inward: list[tuple[int, _Convert]] = []
    scope_at = None
    for field in fields(kind):
        at = len(columns)
        if field.type is Scope:
            inner = _layout(Scope)
            scope_at = at
            columns += [f"scope_{name}" for name in inner.columns]
            paths += [f"value.{field.name}.{name}" for name in inner.columns]
            outward += [(at + place, convert) for place, convert in inner.outward]
            inward += [(at + place, convert) for place, convert in inner.revive]
            continue
        columns.append(field.name)
        paths.append(f"value.{field.name}")
        if kind is Scope and field.name == "diseases":
            outward.append((at, _pack))
            inward.append((at, _unpack))
        elif field.type == _CLOSURES:
            outward.append((at, _to_json))
            inward.append((at, _closures))
        elif field.type is bool:
            inward.append((at, bool))
        elif isinstance(field.type, type) and issubclass(field.type, Enum):
            outward.append((at, int))
            inward.append((at, field.type))
    return _Layout(tuple(columns), _flattening(paths, outward), tuple(outward), tuple(inward), scope_at)


def _flattening(paths: Sequence[str], outward: Iterable[tuple[int, _Convert]]) -> Callable[[Any], list[Any]]:
    """A function that lists these attributes of a value, converted; written out, it takes a third of the time."""
    listed = list(paths)
    known: dict[str, Any] = {}
    for place, convert in outward:
        known[convert.__name__] = convert
        listed[place] = f"{convert.__name__}({paths[place]})"
    made: Callable[[Any], list[Any]] = eval(f"lambda value: [{', '.join(listed)}]", known)  # noqa: S307 - names of fields
    return made


def _pack(diseases: int) -> bytes:
    return diseases.to_bytes(20, "big")


def _unpack(diseases: bytes) -> int:
    if len(diseases) != 20:
        raise ValueError(f"diseases are 20 bytes, not {len(diseases)}")
    return int.from_bytes(diseases, "big")


def _to_json(closures: tuple[tuple[int, ...], ...]) -> str:
    return msgspec.json.encode(closures).decode()
