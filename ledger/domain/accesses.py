"""Accesses to data as they are anchored: entries of a log, packed as the AuditAnchor carries and emits them.

An entry is 40 bytes: the index of the log's entry (uint64, big-endian) and its RFC 9162 leaf hash. Indexes rise.
"""

from collections.abc import Iterable, Iterator
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class, whatever its case

from ledger.errors import InvalidInput

_ENTRY = Struct(">Q32s")


def pack_entries(entries: Iterable[tuple[int, bytes]]) -> bytes:
    """Entries, each an index and a leaf hash of 32 bytes, side by side."""
    return b"".join([_ENTRY.pack(index, leaf) for index, leaf in entries])


def unpack_entries(packed: bytes) -> Iterator[tuple[int, bytes]]:
    """The index and the leaf hash of each entry.

    Raises:
        InvalidInput: The bytes are no whole number of entries.
    """
    try:
        return _ENTRY.iter_unpack(packed)
    except StructError as problem:
        raise InvalidInput(f"{len(packed)} bytes are no whole number of access entries") from problem


def count_entries(packed: bytes) -> int:
    """How many entries there are."""
    return len(packed) // _ENTRY.size
