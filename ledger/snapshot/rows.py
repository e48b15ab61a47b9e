"""One row a consent, in columns: its profile, its validity, its id, and from when on it is replaced.

Invariants:

- Rows are only added. A change adds a row and says of the old one from which state on it is dead; so a change costs
  what it changes, and whoever reads an earlier state still sees all of it.
- ``since`` and ``until`` are seconds UTC, ``[since, until)``; the profile of no consent ended before all time.
"""

from typing import Final, NamedTuple

import numpy as np

from ledger.snapshot.columns import Array, Column, on_lines
from ledger.snapshot.profiles import NOTHING

ALIVE: Final = 0xFFFF_FFFF
"""The state that a living row dies in."""
NEVER: Final = (1 << 63) - 1
ALWAYS: Final = -(1 << 63)
NO_ROW: Final = 0xFFFF_FFFF
MOST_VERSION: Final = 0xFFFF_FFFF


class Window(NamedTuple):
    """The instants from ``begin`` until before ``end`` that the same rows of a part hold.

    Attributes:
        begin: Seconds UTC.
        end: Seconds UTC; ``NEVER`` where nothing lies ahead.
        turns: The row, by its place in the part, that begins or ends at ``end``.
        valid: For each row, whether it holds them.
    """

    begin: int
    end: int
    turns: int
    valid: Array


class Rows:
    """Columns of consents.

    Args:
        profile: Number of each row's profile.
        since: Start of its validity.
        until: End of its validity.
        version: The consent's version.
        ids: The consents' ids, 32 bytes a row.
        dead: From which state on each is replaced.
    """

    __slots__ = ("_windows", "dead", "ids", "profile", "since", "until", "version")

    def __init__(self, profile: Array, since: Array, until: Array, version: Array, ids: Array, dead: Array) -> None:
        self.profile = Column(profile)
        self.since = Column(since)
        self.until = Column(until)
        self.version = Column(version)
        self.ids = Column(ids)
        self.dead = Column(dead)
        self._windows: dict[tuple[int, int], Window] = {}

    @classmethod
    def empty(cls, size: int, cards: Array | None = None) -> "Rows":
        """Rows without a consent; what no pass over all of them reads may lie on ``cards`` (``index.CARD``)."""
        return cls(
            np.full(size, NOTHING, np.uint32),
            np.full(size, ALWAYS, np.int64),
            np.full(size, ALWAYS, np.int64),
            np.zeros(size, np.uint32) if cards is None else cards["version"],
            on_lines(32 * size, np.uint8).reshape(-1, 32),
            np.full(size, ALIVE, np.uint32),
        )

    def put(self, place: int, profile: int, since: int, until: int, version: int, id: bytes) -> None:
        """Write a row that nobody reads yet."""
        self.reserve(place + 1)
        self.profile.array[place] = profile
        self.since.array[place] = since
        self.until.array[place] = until
        self.version.array[place] = version
        self.ids.view[32 * place : 32 * place + 32] = id
        self.dead.array[place] = ALIVE

    def reserve(self, size: int) -> None:
        """Have room for ``size`` rows."""
        for column in (*self.values(), self.dead):
            column.reserve(size)

    def id(self, place: int) -> bytes:
        """The id of a row's consent."""
        return self.ids.view[32 * place : 32 * place + 32].tobytes()

    def window_of(self, part: slice, at: int) -> "Window":
        """Which rows of a part hold an instant, kept until the first of them begins or ends.

        Args:
            part: Rows that are written; one of few parts, as what is kept is kept by part.
            at: Seconds UTC.
        """
        key = (part.start, part.stop)
        held = self._windows.get(key)
        if held is None or not held.begin <= at < held.end:
            held = self._windows[key] = self.window(part, at)
        return held

    def window(self, part: slice, at: int) -> "Window":
        """As ``window_of``, found anew."""
        since, until = self.since.array[part], self.until.array[part]
        valid, ends = until > at, _ahead(at, until)
        turns = int(ends.argmin())
        end = _instant(at, int(ends[turns]))
        if since.max() > at:
            valid &= since <= at
            begins = _ahead(at, since)
            first = int(begins.argmin())
            begin = _instant(at, int(begins[first]))
            if begin < end:
                turns, end = first, begin
        return Window(at, end, turns, valid)

    def next_turn(self, part: slice, at: int, chosen: Array) -> int:
        """The first instant after ``at`` at which one of the chosen rows of a part begins or ends; or ``NEVER``."""
        times = (self.since.array[part][chosen], self.until.array[part][chosen])
        return min(_instant(at, int(_ahead(at, each).min(initial=NEVER))) for each in times)

    def copy(self) -> "Rows":
        """The same, in memory of its own."""
        return Rows(*(column.array.copy() for column in (*self.values(), self.dead)))

    def values(self) -> tuple[Column, ...]:
        """Profile, since, until, version and id."""
        return self.profile, self.since, self.until, self.version, self.ids

    def arrays(self, chosen: Array) -> list[Array]:
        """The values of some rows."""
        return [column.array[chosen] for column in self.values()]


def _ahead(at: int, times: Array) -> Array:
    """Times, shifted so that the first after an instant is the least: what lies behind wraps round to far ahead.

    In signed numbers, as finding their minimum takes a tenth of the time.
    """
    shifted: Array = times + np.int64(NEVER - at)
    return shifted


def _instant(at: int, shifted: int) -> int:
    """The time that was shifted; ``NEVER`` for one that lies behind."""
    return min(NEVER, at + 1 + shifted - ALWAYS)
