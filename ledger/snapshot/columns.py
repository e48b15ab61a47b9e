"""Columns that grow: an array for whole passes over them, and a plain view of the same memory for single reads.

Invariant: growing makes new memory and leaves the old as it was, so whoever holds a view keeps what it shows.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SPARE: Final = 1 / 32
LINE: Final = 64
"""Bytes that come from memory together."""


def on_lines(count: int, dtype: npt.DTypeLike) -> Array:
    """Zeros that begin with a cache line, so that rows whose size divides it, or is it, lie on one line each."""
    size = count * np.dtype(dtype).itemsize
    room = np.zeros(size + LINE, np.uint8)
    begin = -room.ctypes.data % LINE
    return room[begin : begin + size].view(dtype)


class Column:
    """One column of numbers, or of rows of ``width`` bytes each.

    Reading one number through ``view`` takes a third of the time that indexing the array takes.

    Args:
        array: What it starts with; taken over, not copied.
    """

    __slots__ = ("array", "view", "width")

    def __init__(self, array: Array) -> None:
        self.array = array
        self.width = 1 if array.ndim == 1 else array.shape[1]
        self.view = array.reshape(-1).data

    def reserve(self, size: int, fill: int = 0) -> None:
        """Have room for ``size`` rows; new ones hold ``fill``."""
        held = len(self.array)
        if size <= held:
            return
        room = max(size, held + max(64, int(held * SPARE)))
        grown = np.full((room, *self.array.shape[1:]), fill, self.array.dtype)
        grown[:held] = self.array
        self.array = grown
        self.view = grown.reshape(-1).data

    def copy(self) -> "Column":
        """The same, in memory of its own."""
        return Column(self.array.copy())
