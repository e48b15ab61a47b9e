"""Whether anything was committed to a SQLite database, read where SQLite keeps it: in memory that processes share.

The index of a write-ahead log begins with a header, twice. A commit counts for readers from when it is written there,
and it is before the commit returns: whoever compares these bytes with those of before knows whether there was one, for
less than a microsecond and without a call into the system, where ``PRAGMA data_version`` takes two locks.

Invariants:

- Equal bytes mean that nothing was committed between: they hold a counter of commits, the length of the log, its salts
  and the running checksum over its frames. Bytes that are read while they are written are equal to none of after.
- Nothing is written here, and no file of the index is closed while it has a name: a process that closes a file loses
  all locks that it holds on it (POSIX), SQLite's own among them.

Source: https://www.sqlite.org/walformat.html#walidxfmt and https://www.sqlite.org/howtocorrupt.html (2.2)
"""

import mmap
import os
import sys
import threading
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

_HEADER: Final = Struct("=IIIB")
"""Its version, nothing, the counter, and whether it is in use; the rest needs no reading."""
_BYTES: Final = 96
"""Of both headers."""
_VERSION: Final = 3_007_000


class _Open(NamedTuple):
    file: int
    memory: mmap.mmap


_LOCK: Final = threading.Lock()
_HELD: Final[dict[tuple[int, int], _Open]] = {}
"""By device and inode: the indexes that this process has open."""


class WalIndex:
    """The headers of the index of an open database.

    Args:
        memory: They stand at its beginning.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory: Final = memory

    def headers(self) -> bytes:
        """Both of them."""
        return self._memory[:_BYTES]


def open_index(database: str) -> WalIndex | None:
    """The index of a database that a connection of this process has read, and keeps open as long as this is used.

    Args:
        database: Its path, as SQLite tells it.

    Returns:
        None where there is no index in the form that is known here: then SQLite must be asked.
    """
    if sys.platform != "linux":  # elsewhere files are shared and locked in other ways
        return None
    with _LOCK:
        _forget()
        try:
            held = _held(Path(f"{database}-shm"))
        except OSError:
            return None
    if held is None:
        return None
    version, _, _, used = _HEADER.unpack_from(held.memory)
    return WalIndex(held.memory) if version == _VERSION and used == 1 else None


def _held(path: Path) -> _Open | None:
    status = path.stat()
    if status.st_size < _BYTES:
        return None
    if _key(status) not in _HELD:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(file)
        if _key(status) not in _HELD:  # another file since; if it is held already, this descriptor stays open, too
            _HELD[_key(status)] = _Open(file, mmap.mmap(file, _BYTES, prot=mmap.PROT_READ))
    return _HELD[_key(status)]


def _key(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _forget() -> None:
    """Close what has no name any more: SQLite took it away with the last connection, so nobody holds a lock on it."""
    for key, held in list(_HELD.items()):
        if os.fstat(held.file).st_nlink == 0:
            del _HELD[key]
            os.close(held.file)
