"""From a subject's id to its place in the table: buckets over one sorted list of places.

Python's own hash of the id (keyed by the process, so nobody can aim ids at one bucket) chooses the bucket; the id that
stands in the table decides. Eight bytes a subject, where a dict takes two hundred.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from ledger.snapshot.columns import Array

ID: Final = 32


class Index:
    """Finds the place of an id.

    Args:
        ids: All ids, one after the other, 32 bytes each.
    """

    __slots__ = ("_ids", "_mask", "_members", "_starts")

    def __init__(self, ids: Array) -> None:
        count = len(ids)
        self._mask: Final = (1 << max(1, count).bit_length()) - 1
        flat = ids.reshape(-1).data
        hashes = np.fromiter(map(hash, _each(flat, count)), np.int64, count)
        buckets = (hashes & self._mask).astype(np.uint32)
        del hashes
        members = np.argsort(buckets, kind="stable").astype(np.uint32)
        starts = np.zeros(self._mask + 2, np.uint32)
        np.cumsum(np.bincount(buckets, minlength=self._mask + 1), out=starts[1:])
        self._ids: Final = flat
        self._members: Final = members.data
        self._starts: Final = starts.data

    def find_all(self, ids: Sequence[bytes], packed: Array) -> Array:
        """The places of many ids; -1 where one is not there.

        Args:
            ids: Of 32 bytes each.
            packed: The same as numbers, four of 64 bits a row.
        """
        starts, members = np.asarray(self._starts), np.asarray(self._members)
        held = np.frombuffer(self._ids, np.uint64).reshape(-1, ID // 8)
        buckets = np.fromiter(map(hash, ids), np.int64, len(ids)) & self._mask
        at, end = starts[buckets].astype(np.int64), starts[buckets + 1]
        found = np.full(len(ids), -1, np.int64)
        open_ = np.flatnonzero(at < end)
        while len(open_):
            places = members[at[open_]]
            same = (held[places] == packed[open_]).all(axis=1)
            found[open_[same]] = places[same]
            open_ = open_[~same]
            at[open_] += 1
            open_ = open_[at[open_] < end[open_]]
        return found

    def find(self, id: bytes) -> int | None:
        """The place of an id; None where it is not there."""
        bucket = hash(id) & self._mask
        at, end = self._starts[bucket], self._starts[bucket + 1]
        while at < end:
            start = ID * (place := self._members[at])
            if self._ids[start : start + ID] == id:
                return place
            at += 1
        return None


def _each(flat: memoryview, count: int) -> Iterator[bytes]:
    for place in range(count):
        yield flat[ID * place : ID * place + ID].tobytes()
