"""One row a consent, in columns: its profile, its validity, its id, and from when on it is replaced.

Invariants:

- Rows are only added. A change adds a row and says of the old one from which state on it is dead; so a change costs
  what it changes, and whoever reads an earlier state still sees all of it.
- ``since`` and ``until`` are seconds UTC, ``[since, until)``; the profile of no consent starts never.
"""

from typing import Final

import numpy as np

from ledger.snapshot.columns import Array, Column, on_lines
from ledger.snapshot.profiles import NOTHING

ALIVE: Final = 0xFFFF_FFFF
"""The state that a living row dies in."""
NEVER: Final = (1 << 63) - 1
ALWAYS: Final = -(1 << 63)
NO_ROW: Final = 0xFFFF_FFFF
MOST_VERSION: Final = 0xFFFF_FFFF


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

    __slots__ = ("_last_starts", "dead", "ids", "profile", "since", "until", "version")

    def __init__(self, profile: Array, since: Array, until: Array, version: Array, ids: Array, dead: Array) -> None:
        self.profile = Column(profile)
        self.since = Column(since)
        self.until = Column(until)
        self.version = Column(version)
        self.ids = Column(ids)
        self.dead = Column(dead)
        self._last_starts: dict[tuple[int, int], int] = {}

    @classmethod
    def empty(cls, size: int, cards: Array | None = None) -> "Rows":
        """Rows without a consent; what passes over all of them seldom read may lie on ``cards`` (``index.CARD``)."""
        since = np.empty(size, np.int64) if cards is None else cards["since"]
        version = np.zeros(size, np.uint32) if cards is None else cards["version"]
        since[:] = NEVER
        return cls(
            np.full(size, NOTHING, np.uint32),
            since,
            np.full(size, NEVER, np.int64),
            version,
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

    def last_start(self, part: slice) -> int:
        """The last start of validity in a part that is written, and so never changes; found once."""
        key = (part.start, part.stop)
        found = self._last_starts.get(key)
        if found is None:
            found = self._last_starts[key] = int(self.since.array[part].max(initial=ALWAYS))
        return found

    def copy(self) -> "Rows":
        """The same, in memory of its own."""
        return Rows(*(column.array.copy() for column in (*self.values(), self.dead)))

    def values(self) -> tuple[Column, ...]:
        """Profile, since, until, version and id."""
        return self.profile, self.since, self.until, self.version, self.ids

    def arrays(self, chosen: Array) -> list[Array]:
        """The values of some rows."""
        return [column.array[chosen] for column in self.values()]
