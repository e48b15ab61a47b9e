"""Erased subjects, and that nothing of theirs is used any more.

An erasure withdraws nothing: only the patient's key can do that, and nobody knows any more whose it is. So the service
itself answers every question on an erased subject with a deny, from the moment the destruction is durable, whatever
the chain still permits. Like the set of waiting acts, this is kept in memory and brought up to date at each question,
so that an erasure by another process counts at once.
"""

import threading

from ledger.ports import ErasureStore


class Forgotten:
    """The subjects that were erased. Thread-safe."""

    def __init__(self, erasures: ErasureStore) -> None:
        self._erasures = erasures
        self._lock = threading.Lock()
        self._last = 0
        self._subjects: frozenset[bytes] = frozenset()

    def now(self, newest: int | None = None) -> frozenset[bytes]:
        """All of them; those up to an erasure, where its number is known to be the newest."""
        with self._lock:
            if newest is None:
                newest = self._erasures.newest()
            if newest > self._last:
                self._subjects |= frozenset(self._erasures.subjects(self._last))
                self._last = newest
            return self._subjects
