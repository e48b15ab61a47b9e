"""The plain export: one entry a line, exactly the bytes that were hashed.

``leaf_hash`` of a line without its newline is the entry's leaf, so the file can be held against the log's tree.
"""

from typing import BinaryIO

from ledger.services.export import Ports


def export_ndjson(ports: Ports, log: bytes, out: BinaryIO) -> int:
    """Write a log's entries, streamed.

    Args:
        ports: The services' context.
        log: The log's id.
        out: Where they go.

    Returns:
        The number of entries: those under the newest checkpoint.
    """
    newest = ports.audit.checkpoint(log)
    size = 0 if newest is None else newest.size
    out.writelines(entry.canonical + b"\n" for entry in ports.audit.entries(log, 0, size))
    return size
