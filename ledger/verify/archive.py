"""The one form of zip file that a bundle may have, and its strict reader.

Invariants:

- Every byte of the file belongs to a named member or follows from the members' names, sizes and checksums. So nothing
  can be hidden between, before or behind the members, and one content has one file.
- Members are stored, not compressed: what is read is what was hashed, and nothing is ever inflated.
- Members are plain files in one folder, in the order in which they were written; nothing is extracted to a disk.

The form is an ordinary zip to every other tool: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from ledger.errors import NotFound, ProofInvalid, TooLarge

MOST_BYTES = 0xFFFF_FFFE
"""The longest bundle, and the longest member: what a zip holds without its 64-bit extension."""

MOST_LINE = 1 << 26
"""The longest line of a member that is read at once, in bytes."""

CHUNK = 1 << 16
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_MADE_BY = 3 << 8 | 20  # Unix, so that the mode below is read as one
_VERSION = 20
_TIME, _DATE = 0, 1 << 5 | 1  # midnight of 1980-01-01, the first instant of a zip: the manifest says when it was made
_MODE = 0o100644 << 16
_NAME = re.compile(rb"[A-Za-z][A-Za-z._-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a bundle: where its content stands, and its hashes as found."""

    name: str
    offset: int
    size: int
    crc: int
    sha256: bytes


def local_header(name: str, size: int, crc: int) -> bytes:
    """What stands before a member's content."""
    raw = name.encode("ascii")
    return _LOCAL.pack(_LOCAL_SIGNATURE, _VERSION, 0, 0, _TIME, _DATE, crc, size, size, len(raw), 0) + raw


def directory(members: list[Member]) -> bytes:
    """What stands behind the last member: the central directory and its end record.

    Raises:
        TooLarge: The archive is longer than the format allows.
    """
    records: list[bytes] = []
    end = 0
    for member in members:
        raw = member.name.encode("ascii")
        start = member.offset - _LOCAL.size - len(raw)
        fields = (_MADE_BY, _VERSION, 0, 0, _TIME, _DATE, member.crc, member.size, member.size)
        records.append(_CENTRAL.pack(b"PK\x01\x02", *fields, len(raw), 0, 0, 0, 0, _MODE, start) + raw)
        end = member.offset + member.size
    listing = b"".join(records)
    if end + len(listing) + _END.size > MOST_BYTES:
        raise TooLarge("a bundle holds at most 4 GiB: export fewer entries")
    count = len(members)
    return listing + _END.pack(b"PK\x05\x06", 0, 0, count, count, len(listing), end, 0)


class Archive:
    """A bundle's file, read from its first byte to its last.

    Args:
        file: The file, seekable and at least readable; it stays the caller's to close.

    Raises:
        ProofInvalid: It is not in the form above; the message names the place.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._length = file.seek(0, 2)
        self.members: dict[str, Member] = {}
        offset = 0
        while (member := self._member_at(offset)) is not None:
            if member.name in self.members:
                raise ProofInvalid(f"{member.name}: it stands in the bundle twice")
            self.members[member.name] = member
            offset = member.offset + member.size
        expected = directory(list(self.members.values()))
        file.seek(offset)
        found = file.read(len(expected) + 1)
        if found != expected:
            at = next((place for place, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]), 0)
            raise ProofInvalid(
                f"the zip's directory (from byte {offset + at}) is not the one of its files: "
                "the bundle was changed, cut short or added to"
            )

    def content(self, name: str, most: int = MOST_LINE) -> bytes:
        """A whole member, for those that are short.

        Raises:
            NotFound: There is no such member.
            ProofInvalid: It is longer than ``most`` bytes.
        """
        member = self._member(name)
        if member.size > most:
            raise ProofInvalid(f"{name}: {member.size} bytes, where at most {most} are expected")
        self._file.seek(member.offset)
        return self._file.read(member.size)

    def lines(self, name: str, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """The lines of a member without their newline, each with its offset in the member.

        Several readers of one archive may take turns.

        Args:
            name: The member.
            start: Offset of the first line wanted.

        Raises:
            NotFound: There is no such member.
            ProofInvalid: A line does not end, or is too long.
        """
        member = self._member(name)
        at = read = start
        begun: list[bytes] = []
        while read < member.size:
            self._file.seek(member.offset + read)
            chunk = self._file.read(min(CHUNK, member.size - read))
            read += len(chunk)
            first, *others = chunk.split(b"\n")
            begun.append(first)
            for other in others:
                line = b"".join(begun)
                yield at, line
                at += len(line) + 1
                begun = [other]
            if not chunk or read - at > MOST_LINE:
                raise ProofInvalid(f"{name}: the line at byte {at} is too long, or the file was cut while it was read")
        if any(begun):
            raise ProofInvalid(f"{name}: its last line does not end in a newline")

    def _member(self, name: str) -> Member:
        if name not in self.members:
            raise NotFound(f"the bundle holds no {name}")
        return self.members[name]

    def _member_at(self, offset: int) -> Member | None:
        self._file.seek(offset)
        head = self._file.read(_LOCAL.size)
        if not head.startswith(_LOCAL_SIGNATURE):
            if not self.members:
                raise ProofInvalid("not a bundle: it does not start like a zip file")
            return None
        before = list(self.members)[-1] if self.members else "the start"
        if len(head) < _LOCAL.size:
            raise ProofInvalid(f"the file is cut short behind {before}")
        *_, crc, size, _stored, length, _extra = _LOCAL.unpack(head)
        raw = self._file.read(length)
        if not _NAME.match(raw) or head + raw != local_header(raw.decode("ascii"), size, crc):
            raise ProofInvalid(f"the zip header behind {before} (at byte {offset}) is not in a bundle's form")
        name = raw.decode("ascii")
        start = offset + len(head) + length
        if start + size > self._length:
            raise ProofInvalid(f"{name}: cut short, or its size was changed: the file ends at byte {self._length}")
        digest, check, left = sha256(), 0, size
        while left:
            chunk = self._file.read(min(CHUNK, left))
            if not chunk:
                raise ProofInvalid(f"{name}: the file was cut while it was read")
            digest.update(chunk)
            check = zlib.crc32(chunk, check)
            left -= len(chunk)
        return Member(name, start, size, _checked(name, check, crc), digest.digest())


def _checked(name: str, found: int, said: int) -> int:
    if found != said:
        raise ProofInvalid(f"{name}: its content was changed (checksum {found:08x}, the zip says {said:08x})")
    return found
