"""Writing JSON whose sections fill all at once: each lies in a file of its own until all are written one after another.

Invariant: of each section only a small buffer is in memory.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, BinaryIO, Final, Self

import msgspec

_PIECE: Final = 1 << 18
encode: Final = msgspec.json.Encoder().encode
"""Any JSON value as bytes."""


class Sections:
    """Named sections of items, in the order in which they were begun.

    Args:
        folder: Where the files lie while they fill; they have no names there.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder: Final = folder
        self._files: Final[dict[str, IO[bytes]]] = {}
        self._stack: Final = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def names(self) -> list[str]:
        """The sections that have an item."""
        return list(self._files)

    def add(self, section: str, item: bytes) -> None:
        """Add an item, which is one member of an object (``"name":value``) or one element of a list."""
        file = self._files.get(section)
        if file is None:
            file = self._files[section] = self._stack.enter_context(TemporaryFile(dir=self._folder))  # noqa: SIM115 - the stack closes it
        else:
            file.write(b",\n")
        file.write(item)

    def read(self, section: str) -> Iterator[bytes]:
        """The items of a section, with commas between them, in pieces; nothing when it has none."""
        file = self._files.get(section)
        if file is None:
            return
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def write_list(out: BinaryIO, opening: bytes, items: Iterable[Any], closing: bytes) -> None:
    """Write JSON values between two texts, one a line, with commas between."""
    out.write(opening)
    out.writelines(b",\n" * bool(number) + encode(item) for number, item in enumerate(items))
    out.write(closing)
