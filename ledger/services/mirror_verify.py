"""Holds the mirror against the chain: every row, one after the other.

The chain is read anew and projected into a ``World`` in memory; blocks, events and versions of facts in the mirror are
compared with what comes out, the digest of each block included. Memory grows with the facts that hold, not with the
chain's length. The service may go on writing meanwhile: what lies above the block where the check began is left alone.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from ledger.domain.events import Block, Logged
from ledger.domain.flat import NO_DIGEST, encode, next_digest
from ledger.domain.projection import Fact, Key, World, key_of
from ledger.errors import CannotCheck, MirrorDiverged
from ledger.ports import ChainReader, Cursor, Interval, MirrorStore

SPAN = 512
_TOP = (1 << 62) - 1
_MISSING = "nothing"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was compared, up to and including ``cursor``."""

    cursor: Cursor | None
    blocks: int
    events: int
    versions: int


def verify_mirror(
    reader: ChainReader,
    store: MirrorStore,
    *,
    span: int = SPAN,
    on_progress: Callable[[int, int], None] | None = None,
) -> Verified:
    """Compare the mirror with a replay of the chain.

    Args:
        reader: The chain.
        store: The mirror.
        span: Blocks that are read at once.
        on_progress: Told the last block compared, and the one to come to.

    Raises:
        MirrorDiverged: A row is changed, missing or one too many; the message names the first: table, key, field, what
            the mirror says and what the chain says.
        CannotCheck: The mirror went back while it was compared; start again.
        LedgerUnreachable: The node does not answer.
    """
    cursor = store.cursor()
    first = reader.first_block
    replay = _Replay(store)
    if cursor is not None:
        last = cursor.block.number
        for start in range(first, last + 1, span):
            end = min(start + span - 1, last)
            replay.compare(reader.blocks(start, end), reader.events_between(start, end))
            if on_progress is not None:
                on_progress(end, last)
        replay.compare_ends(last)
        _same("mirror_cursor", f"block {last}", "digest", cursor.digest, replay.digest)
    _refuse_extra(store, -_TOP, first - 1)
    _refuse_extra_above(store, first)
    if cursor is not None and cursor not in store.blocks_in(cursor.block.number, cursor.block.number):
        raise CannotCheck("the mirror went back while it was compared; start the check again")
    return Verified(cursor, replay.blocks, replay.events, replay.versions)


class _Replay:
    """The chain so far, and the versions in the mirror whose end is still to be seen."""

    def __init__(self, store: MirrorStore) -> None:
        self._store = store
        self._world = World()
        self._open: dict[Key, Interval] = {}
        self.digest = NO_DIGEST
        self.blocks = self.events = self.versions = 0

    def compare(self, blocks: list[Block], events: list[Logged]) -> None:
        """Compare a range of blocks."""
        first, last = blocks[0].number, blocks[-1].number
        self._compare_events(events, self._store.events_in(first, last))
        by_block: dict[bytes, list[Logged]] = defaultdict(list)
        for logged in events:
            by_block[logged.block_hash].append(logged)
        expected: dict[Key, list[Interval]] = defaultdict(list)
        held = {found.block.number: found for found in self._store.blocks_in(first, last)}
        for block in blocks:
            made: list[Fact] = []
            for logged in by_block[block.hash]:
                for fact in self._world.apply(logged.event):
                    made.append(fact)
                    expected[key_of(fact)].append(Interval(fact, block.number, None, logged.log_index))
            self.digest = next_digest(self.digest, block.hash, map(encode, made))
            self._compare_block(Cursor(block, self.digest), held.get(block.number))
        self._compare_versions(expected, self._store.intervals_in(first, last))
        self.blocks += len(blocks)
        self.events += len(events)

    def compare_ends(self, last: int) -> None:
        """Versions that hold at the last block must not have ended before it."""
        for key, version in self._open.items():
            if version.until is not None and version.until <= last:
                _same(_table(key), _words(key), "to_block", version.until, None)

    def _compare_block(self, expected: Cursor, held: Cursor | None) -> None:
        where = f"block {expected.block.number}"
        if held is None:
            raise _diverged("block", where, "row", _MISSING, expected.block)
        for field in fields(Block):
            _same("block", where, field.name, getattr(held.block, field.name), getattr(expected.block, field.name))
        _same("block", where, "digest", held.digest, expected.digest)

    def _compare_events(self, expected: list[Logged], held: list[Logged]) -> None:
        mirrored = {(logged.block_number, logged.log_index): logged for logged in held}
        for logged in expected:
            where = f"block {logged.block_number}, log {logged.log_index}"
            found = mirrored.pop((logged.block_number, logged.log_index), None)
            if found is None:
                raise _diverged("event", where, "row", _MISSING, logged.event)
            for field in fields(Logged):
                _same("event", where, field.name, getattr(found, field.name), getattr(logged, field.name))
        for (number, index), extra in mirrored.items():
            raise _diverged("event", f"block {number}, log {index}", "row", extra.event, _MISSING)

    def _compare_versions(self, expected: dict[Key, list[Interval]], held: list[Interval]) -> None:
        mirrored: dict[Key, list[Interval]] = defaultdict(list)
        for version in held:
            mirrored[key_of(version.fact)].append(version)
        for key, versions in expected.items():
            found = mirrored.pop(key, [])
            for place, version in enumerate(versions):
                if place == len(found):
                    raise _diverged(_table(key), _words(key), "row", _MISSING, version.fact)
                self._compare_version(key, found[place], version)
            if len(found) > len(versions):
                raise _diverged(_table(key), _words(key), "row", found[len(versions)].fact, _MISSING)
        for key, versions in mirrored.items():
            raise _diverged(_table(key), _words(key), "row", versions[0].fact, _MISSING)

    def _compare_version(self, key: Key, held: Interval, expected: Interval) -> None:
        before = self._open.get(key)
        if before is not None:
            _same(_table(key), _words(key), "to_block", before.until, expected.since)
        for name, ours, theirs in _differences(held.fact, expected.fact):
            _same(_table(key), _words(key), name, ours, theirs)
        _same(_table(key), _words(key), "from_block", held.since, expected.since)
        _same(_table(key), _words(key), "place", held.place, expected.place)
        self._open[key] = held
        self.versions += 1


def _refuse_extra(store: MirrorStore, first: int, last: int) -> None:
    """Nothing may stand outside the blocks that the mirror has taken in."""
    for held in store.blocks_in(first, last):
        raise _diverged("block", f"block {held.block.number}", "row", held.block, _MISSING)
    for logged in store.events_in(first, last):
        where = f"block {logged.block_number}, log {logged.log_index}"
        raise _diverged("event", where, "row", logged.event, _MISSING)
    for version in store.intervals_in(first, last):
        key = key_of(version.fact)
        raise _diverged(_table(key), _words(key), "row", version.fact, _MISSING)


def _refuse_extra_above(store: MirrorStore, first: int) -> None:
    """The same above the cursor, which may move while it is looked at."""
    while True:
        cursor = store.cursor()
        try:
            _refuse_extra(store, first if cursor is None else cursor.block.number + 1, _TOP)
        except MirrorDiverged:
            if store.cursor() == cursor:
                raise
        else:
            return


def _differences(held: Any, expected: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """The fields in which two facts of a kind differ; those of a scope by their own names."""
    found: list[tuple[str, Any, Any]] = []
    for field in fields(expected):
        ours, theirs = getattr(held, field.name), getattr(expected, field.name)
        if ours == theirs:
            continue
        if field.name == "scope":
            found += _differences(ours, theirs, "scope.")
        else:
            found.append((prefix + field.name, ours, theirs))
    return found


def _table(key: Key) -> str:
    return key[0]


def _words(key: Key) -> str:
    return ", ".join("0x" + part.hex() for part in key[1:] if part) or "the one row"


def _same(table: str, where: str, field: str, ours: Any, theirs: Any) -> None:
    if ours != theirs:
        raise _diverged(table, where, field, ours, theirs)


def _diverged(table: str, where: str, field: str, ours: Any, theirs: Any) -> MirrorDiverged:
    return MirrorDiverged(
        f"{table} ({where}), {field}: the mirror says {_value(ours)}, the chain says {_value(theirs)}; "
        "rebuild the mirror from the chain, and find out who wrote to it"
    )


def _value(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
