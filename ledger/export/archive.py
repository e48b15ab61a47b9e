"""Writing a bundle's zip, in the one form that ``ledger.verify.archive`` reads.

Invariant: members are streamed; of each only the line at hand is in memory.
"""

import zlib
from collections.abc import Iterable
from hashlib import sha256
from typing import BinaryIO

from ledger.errors import TooLarge
from ledger.verify.archive import MOST_BYTES, Member, directory, local_header


class ArchiveWriter:
    """A zip in the making.

    Args:
        out: Where it goes: seekable, empty; it stays the caller's to close.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._members: list[Member] = []

    def add(self, name: str, parts: Iterable[bytes]) -> Member:
        """Write one member.

        Raises:
            TooLarge: The archive is longer than the format allows.
        """
        start = self._out.tell()
        self._out.write(local_header(name, 0, 0))
        offset = self._out.tell()
        digest, check, size = sha256(), 0, 0
        for part in parts:
            self._out.write(part)
            digest.update(part)
            check = zlib.crc32(part, check)
            size += len(part)
            if offset + size > MOST_BYTES:
                raise TooLarge("a bundle holds at most 4 GiB: export fewer entries")
        self._out.seek(start)
        self._out.write(local_header(name, size, check))
        self._out.seek(offset + size)
        member = Member(name, offset, size, check, digest.digest())
        self._members.append(member)
        return member

    def finish(self) -> None:
        """Write the directory.

        Raises:
            TooLarge: As for ``add``.
        """
        self._out.write(directory(self._members))
