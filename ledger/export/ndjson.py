"""The plain export: one entry a line, exactly the bytes that were hashed.

``leaf_hash`` of a line without its newline is the entry's leaf, so the file can be held against the log's tree.
"""

from typing import BinaryIO

from ledger.export.source import Source


def export_ndjson(source: Source, out: BinaryIO) -> None:
    """Write a log's entries, streamed: those under the newest checkpoint that are selected."""
    out.writelines(entry.canonical + b"\n" for entry, _ in source)
