"""The entries as a table, for spreadsheets and data frames: CSV, and Parquet where pyarrow is installed.

Invariants: one row an entry, in order; the columns are the fields of the entry, with the facts as canonical JSON, and
with the leaf hash that ties the row to the log's tree. Text that a spreadsheet would run as a formula cannot stand at
the start of a cell: it gets an apostrophe in front.
"""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from ledger.domain.audit import StoredEntry
from ledger.domain.identifiers import to_hex
from ledger.domain.selection import outcome_of
from ledger.errors import ConfigurationError
from ledger.export.source import Source
from ledger.transparency import canonical

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS: Final = (
    "index",
    "time",
    "kind",
    "outcome",
    "actor",
    "study",
    "engine",
    "operation",
    "decision",
    "block_number",
    "block_hash",
    "facts",
    "leaf",
)
GROUP: Final = 10_000
"""Rows of one group of a Parquet file."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def export_csv(source: Source, out: BinaryIO) -> None:
    """Write the entries as CSV (RFC 4180), UTF-8, with a heading; times as ISO 8601 in UTC."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for row in _rows(source):
            writer.writerow(["" if cell is None else _inert(cell) for cell in row])
    finally:
        text.detach()


def export_parquet(source: Source, out: BinaryIO) -> None:
    """Write the entries as Parquet, with times as timestamps in UTC.

    Raises:
        ConfigurationError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as problem:
        raise ConfigurationError("Parquet needs pyarrow: pip install 'consentry[parquet]'") from problem
    schema = _schema(pa)
    rows = _rows(source)
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        while group := list(islice(rows, GROUP)):
            columns = [
                pa.array(values, field.type) for field, values in zip(schema, zip(*group, strict=True), strict=True)
            ]
            writer.write_table(pa.table(columns, schema=schema))


def _schema(pa: Any) -> "pa.Schema":
    kinds = {"index": pa.int64(), "block_number": pa.int64(), "time": pa.timestamp("s", tz="UTC")}
    words = pa.dictionary(pa.int32(), pa.string())
    kinds |= dict.fromkeys(("kind", "outcome", "actor", "study", "engine", "operation"), words)
    return pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in COLUMNS])


def _rows(source: Source) -> Iterator[tuple[Any, ...]]:
    for entry, document in source:
        yield _row(entry, document)


def _row(entry: StoredEntry, document: dict[str, Any]) -> tuple[Any, ...]:
    block = document["block"] or {}
    return (
        entry.index,
        datetime.fromtimestamp(document["time"], UTC),
        document["kind"],
        outcome_of(document),
        document["actor"],
        document["study"],
        document["engine"],
        document["operation"],
        document["decision"],
        block.get("number"),
        block.get("hash"),
        canonical.encode(document["facts"]).decode(),
        to_hex(entry.leaf),
    )


def _inert(cell: Any) -> str:
    text = cell.isoformat() if isinstance(cell, datetime) else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
