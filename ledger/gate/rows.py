"""Rows of pandas and polars frames and of plain lists, without importing what is not there.

Two things are done with rows: those of permitted subjects are kept, and what was handed out is committed to. A row
whose id is missing, or is of nobody who permits, is never kept.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, TypeVar

import msgspec

from ledger.errors import InvalidInput

Frame = TypeVar("Frame")

SALT_SIZE: Final = 32
_DOMAIN: Final = b"consentry-input/1\x00"
_EXACT: Final = 2**53
_encoder = msgspec.json.Encoder()


def keep(frame: Frame, id_column: str, permitted: Collection[str]) -> Frame:
    """The rows of ``frame`` whose ``id_column`` is one of ``permitted``, in their order, as a new frame.

    Args:
        frame: A pandas or polars DataFrame, or a list or tuple of mappings.
        id_column: The column with the subject ids, 0x-hex.
        permitted: Subject ids.

    Raises:
        InvalidInput: Another kind of frame, or no such column.
    """
    kind = _kind(frame)
    table: Any = frame
    if id_column not in _columns(table, kind):
        raise InvalidInput(f"the frame has no column {id_column!r}; name the one that holds the subject ids")
    if kind == "pandas":
        kept = table[table[id_column].isin(list(permitted))].copy()
    elif kind == "polars":
        kept = table.filter(table.get_column(id_column).is_in(list(permitted)))
    else:
        kept = type(table)(row for row in table if row.get(id_column) in permitted)
    result: Frame = kept
    return result


def ids_of(frame: object, id_column: str) -> list[str]:
    """The ids in a frame, row by row."""
    kind = _kind(frame)
    table: Any = frame
    if kind == "rows":
        return [row[id_column] for row in table]
    return [str(value) for value in table[id_column].to_list()]


def column_of(frame: object, name: str) -> list[Any]:
    """The values of a column, row by row; missing ones are None.

    Raises:
        InvalidInput: No such column.
    """
    kind = _kind(frame)
    table: Any = frame
    if name not in _columns(table, kind):
        raise InvalidInput(f"the frame has no column {name!r}")
    values = [row.get(name) for row in table] if kind == "rows" else table[name].to_list()
    return [_plain(value) for value in values]


def count_of(frame: object) -> int:
    """The number of rows."""
    table: Any = frame
    return len(table)


def commit(frame: object, salt: bytes) -> bytes:
    """The commitment (32 bytes) to exactly these rows: SHA-256 over the salt and each row's text.

    Args:
        frame: Any frame that ``keep`` takes.
        salt: 32 fresh random bytes; whoever has them and the rows can show what was computed on, nobody else can guess.
    """
    if len(salt) != SALT_SIZE:
        raise InvalidInput(f"the salt of an input commitment has {SALT_SIZE} bytes")
    digest = sha256(_DOMAIN + salt)
    kind = _kind(frame)
    table: Any = frame
    columns = _columns(table, kind)
    digest.update(_encoder.encode(columns) + b"\n")
    for row in _rows(table, kind, columns):
        digest.update(_encoder.encode([_text(value) for value in row]) + b"\n")
    return digest.digest()


def _kind(frame: object) -> str:
    origin = type(frame).__module__.partition(".")[0]
    if type(frame).__name__ == "DataFrame" and origin in {"pandas", "polars"}:
        return origin
    if isinstance(frame, list | tuple) and all(isinstance(row, Mapping) for row in frame):
        return "rows"
    raise InvalidInput(
        f"a {origin}.{type(frame).__name__} is not a table that can be filtered: give a pandas or polars DataFrame, "
        "or a list of dicts"
    )


def _columns(table: Any, kind: str) -> list[str]:
    if kind == "rows":
        names = dict.fromkeys(name for row in table for name in row)
        return [str(name) for name in names]
    return [str(name) for name in table.columns]


def _rows(table: Any, kind: str, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
    if kind == "pandas":
        return iter(table.itertuples(index=False, name=None))
    if kind == "polars":
        return iter(table.iter_rows())
    return ([row.get(name) for name in columns] for row in table)


def _plain(value: Any) -> Any:
    """A Python value for a numpy scalar; None for every way of saying that nothing is there."""
    item = value.item() if hasattr(value, "item") else value
    if item is None or type(item).__name__ in {"NAType", "NaTType"}:
        return None
    return None if item != item else item  # noqa: PLR0124 - a NaN differs from itself


def _text(value: Any) -> Any:
    plain = _plain(value)
    if plain is None or isinstance(plain, bool | str):
        return plain
    if isinstance(plain, int) and -_EXACT < plain < _EXACT:
        return plain
    return f"{type(plain).__name__}:{plain!r}"
