"""The SQL copy of the chain: ``ports.MirrorStore`` on tables of intervals.

Invariants: every answer comes from one transaction, so it is as of one block; a question about a block that the mirror
has not come to is refused, never answered with what is there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, func, select

from ledger.domain.consent import Consent, ConsentState
from ledger.domain.directory import Dataset, Engine, Institution, Study, Terms
from ledger.domain.events import Block, Logged
from ledger.domain.policy import Request, Setting
from ledger.domain.projection import Access, Authority, Fact, Head, Key, Recovery
from ledger.domain.vocabulary import Effect
from ledger.errors import MirrorDiverged, MirrorLagging
from ledger.ports import Cursor, Interval, Lease, ReadEvent
from ledger.store import kinds, mirror_writer, tables
from ledger.store.database import Database
from ledger.store.latest_batches import LatestBatches
from ledger.store.tables.base import table_of

_F = TypeVar("_F")
_BLOCK = table_of(tables.Block)
_EVENT = table_of(tables.Event)
_STREAM = 2000
_KEYS = 500  # in one question
_CHANGED: Mapping[kinds.Kind[Any], str] = {kind: kind.changed() for kind in kinds.KINDS}
_FIRST_PERMIT = f"state = {ConsentState.ACTIVE:d} AND scope_effect = {Effect.PERMIT:d} AND version = 1"
_REVOKING: Mapping[kinds.Kind[Any], str] = {
    kinds.CONSENT: kinds.CONSENT.changed(f"NOT ({_FIRST_PERMIT})"),
    kinds.REFUSAL: kinds.REFUSAL.changed(),
}


class SqlMirror:
    """The mirror in one database. Safe to share between threads.

    The iterators hold a connection, and on PostgreSQL a snapshot, until they are exhausted or closed.

    Args:
        database: Where it is.
        read_event: Reads the events that are asked for, of which the raw logs are kept.
    """

    def __init__(self, database: Database, read_event: ReadEvent) -> None:
        self._database = database
        self._read_event = read_event
        self._questions: dict[tuple[str, int, bool], str] = {}
        self._latest = LatestBatches()

    # --- writing ------------------------------------------------------------------------------------------------------

    def lease(self, holder: str, *, at: int, seconds: int) -> int:
        """As ``MirrorStore.lease``. The same holder keeps its number; any change of hands, or a lapse, raises it."""
        with self._database.writing() as connection:
            return mirror_writer.lease(connection, holder, at=at, seconds=seconds)

    def release(self, *, fence: int) -> None:
        """As ``MirrorStore.release``."""
        with self._database.writing() as connection:
            mirror_writer.release(connection, fence)

    def writer(self) -> Lease | None:
        """As ``MirrorStore.writer``."""
        rows = self._database.ask("SELECT holder, fence, expires_at FROM writer_lease")
        return Lease(*rows[0]) if rows else None

    def take(self, blocks: Sequence[Block], events: Sequence[Logged], *, fence: int, expect: Cursor | None) -> Cursor:
        """As ``MirrorStore.take``.

        It need not be on the disk at once: the cursor is in the same transaction, so what a power loss takes is read
        again from the chain; and it takes seconds at most, since a lease's renewal is durable, and with it all before.

        Raises:
            WrongState: The cursor or the fence moved meanwhile.
            InvalidInput: The blocks do not follow each other, or an event is not of its block.
            MirrorDiverged: An event presupposes what no earlier one made.
        """
        with self._database.reading() as connection:
            taken = mirror_writer.take(connection, blocks, events, expect)
        with self._database.writing(durable=False) as connection:
            mirror_writer.write(self._database, connection, taken, fence=fence)
        self._latest.add(expect, taken.cursor, taken.facts.changed())
        return taken.cursor

    def roll_back(self, to: int, *, fence: int) -> Cursor | None:
        """As ``MirrorStore.roll_back``."""
        with self._database.writing() as connection:
            return mirror_writer.roll_back(connection, to, fence=fence)

    # --- the chain ----------------------------------------------------------------------------------------------------

    def cursor(self) -> Cursor | None:
        """As ``MirrorStore.cursor``."""
        return mirror_writer.cursor_of(self._database.ask(mirror_writer.CURSOR_QUESTION))

    def block_at(self, number: int) -> Block | None:
        """As ``MirrorStore.block_at``."""
        rows = self._database.ask("SELECT number, hash, parent, timestamp FROM block WHERE number = ?", (number,))
        return Block(*rows[0]) if rows else None

    def blocks_in(self, first: int, last: int) -> list[Cursor]:
        """As ``MirrorStore.blocks_in``."""
        rows = select(_BLOCK).where(_BLOCK.c.number.between(first, last)).order_by(_BLOCK.c.number)
        with self._database.reading() as connection:
            return [
                Cursor(Block(row.number, row.hash, row.parent, row.timestamp), row.digest)
                for row in connection.execute(rows)
            ]

    def events_in(self, first: int, last: int) -> list[Logged]:
        """As ``MirrorStore.events_in``."""
        with self._database.reading() as connection:
            chosen = select(_EVENT).where(_EVENT.c.block_number.between(first, last))
            return self._events(connection, chosen)

    def events_for(self, kind: str, first: bytes, second: bytes | None = None) -> list[Logged]:
        """As ``MirrorStore.events_for``."""
        which = kinds.kind_named(kind)
        made = (
            select(which.table.c.from_block, which.table.c.place)
            .where(which.is_key(kinds.key_values(which, first, second)))
            .distinct()
            .subquery()
        )
        at = and_(_EVENT.c.block_number == made.c.from_block, _EVENT.c.log_index == made.c.place)
        with self._database.reading() as connection:
            return self._events(connection, select(_EVENT).join(made, at))

    # --- facts as of the last block (projection.Facts) ----------------------------------------------------------------

    def institution(self, id: bytes) -> Institution | None:
        """The institution, if it was admitted."""
        return self._held(kinds.INSTITUTION, id)

    def study(self, id: bytes) -> Study | None:
        """The study, if it was proposed."""
        return self._held(kinds.STUDY, id)

    def engine(self, id: bytes) -> Engine | None:
        """The engine, if it was registered."""
        return self._held(kinds.ENGINE, id)

    def dataset(self, id: bytes) -> Dataset | None:
        """The dataset, if it was registered."""
        return self._held(kinds.DATASET, id)

    def terms(self, hash: bytes) -> Terms | None:
        """The text, if it was published."""
        return self._held(kinds.TERMS, hash)

    def consent(self, subject: bytes, id: bytes) -> Consent | None:
        """The consent, withdrawn or not."""
        return self._held(kinds.CONSENT, subject, id)

    def consents(self, subject: bytes) -> tuple[Consent, ...]:
        """The subject's consents, withdrawn or not."""
        return tuple(kinds.CONSENT.fact_of(row) for row in self._short(kinds.CONSENT, (subject,), held=True))

    def authority(self, subject: bytes, signer: bytes) -> Authority | None:
        """The signer's authority, ended or not."""
        return self._held(kinds.AUTHORITY, subject, signer)

    def recovery(self, subject: bytes) -> Recovery | None:
        """The subject's last recovery, if there was one."""
        return self._held(kinds.RECOVERY, subject)

    def subjects(self, custodian: bytes | None = None) -> list[bytes]:
        """As ``MirrorStore.subjects``."""
        table = kinds.SUBJECT.table.c
        rows = select(table.id).where(kinds.SUBJECT.held()).order_by(table.id)
        if custodian is not None:
            rows = rows.where(table.custodian == custodian)
        with self._database.reading() as connection:
            return list(connection.execute(rows).scalars())

    def current(self, kind: str) -> list[Fact]:
        """As ``MirrorStore.current``, in the order of the chain."""
        which = kinds.kind_named(kind)
        return self._facts(which, which.oldest_first(which.rows().where(which.held())))

    def authorities(self, subject: bytes) -> list[Authority]:
        """As ``MirrorStore.authorities``, in the order of the chain."""
        which = kinds.AUTHORITY
        return self._facts(which, which.oldest_first(which.rows().where(which.held(), which.is_key((subject,)))))

    def find(self, kind: str, keys: Sequence[tuple[bytes, ...]]) -> list[Fact | None]:
        """As ``MirrorStore.find``."""
        if not keys:
            return []
        which = kinds.kind_named(kind)
        values = [kinds.key_values(which, key[0], key[1] if len(key) > 1 else None) for key in keys]
        if len(values) == 1 or not self._database.sqlite:
            rows = self._database.ask_each(self._question(which, len(which.key), held=True), values)
            return [which.fact_of(held[0]) if held else None for held in rows]
        parts = [values[start : start + _KEYS] for start in range(0, len(values), _KEYS)]
        found = self._database.ask_all([(which.held_of(len(part)), list(chain.from_iterable(part))) for part in parts])
        facts = {which.identify(fact): fact for fact in map(which.fact_of, chain.from_iterable(found))}
        return [facts.get(key) for key in values]

    def interval_of(self, fact: Fact) -> Interval | None:
        """As ``MirrorStore.interval_of``."""
        which = kinds.BY_FACT[type(fact)]
        with self._database.reading() as connection:
            rows = which.rows().where(which.held(), which.is_key(which.identify(fact)))
            row = connection.execute(rows).first()
            return None if row is None else which.interval_of(row)

    def keys(self) -> Iterator[Key]:
        """As ``MirrorStore.keys``."""
        with self._database.reading() as connection:
            for kind in kinds.KINDS:
                rows = select(*(kind.table.c[name] for name in (*kind.key, "from_block"))).where(kind.held())
                for row in _stream(connection, rows):
                    yield kinds.key_from(kind, row[:-1])

    # --- facts as of a block ------------------------------------------------------------------------------------------

    def setting_at(self, request: Request, block: int) -> Setting:
        """As ``MirrorStore.setting_at``.

        Raises:
            MirrorLagging: The mirror has not come to the block.
        """
        with self._as_of(block) as connection:
            study = _one(connection, kinds.STUDY, block, request.study)
            institution = _one(connection, kinds.INSTITUTION, block, study.institution) if study else None
            return Setting(study, institution, _one(connection, kinds.ENGINE, block, request.engine))

    def consents_at(self, subject: bytes, block: int) -> tuple[Consent, ...] | None:
        """As ``MirrorStore.consents_at``, by id.

        Raises:
            MirrorLagging: The mirror has not come to the block.
        """
        which = kinds.CONSENT
        with self._as_of(block) as connection:
            if _one(connection, kinds.SUBJECT, block, subject) is None:
                return None
            rows = which.rows().where(which.is_key((subject,)), which.held_at(block)).order_by(which.table.c.id)
            return tuple(which.fact_of(row) for row in connection.execute(rows))

    def datasets_at(self, block: int) -> tuple[Dataset, ...]:
        """As ``MirrorStore.datasets_at``, by id.

        Raises:
            MirrorLagging: The mirror has not come to the block.
        """
        which = kinds.DATASET
        with self._as_of(block) as connection:
            rows = which.rows().where(which.held_at(block)).order_by(which.table.c.id)
            return tuple(which.fact_of(row) for row in connection.execute(rows))

    def custodian_of(self, subject: bytes) -> bytes | None:
        """As ``MirrorStore.custodian_of``."""
        found = self._held(kinds.SUBJECT, subject)
        return None if found is None else found.custodian

    def facts_at(self, block: int) -> Iterator[Fact]:
        """As ``MirrorStore.facts_at``, streamed kind by kind.

        Raises:
            MirrorLagging: The mirror has not come to the block.
        """
        with self._as_of(block) as connection:
            for kind in kinds.KINDS:
                for row in _stream(connection, kind.oldest_first(kind.rows().where(kind.held_at(block)))):
                    yield kind.fact_of(row)

    def count_at(self, block: int) -> int:
        """As ``MirrorStore.count_at``."""
        with self._as_of(block) as connection:
            held = [select(func.count()).select_from(kind.table).where(kind.held_at(block)) for kind in kinds.KINDS]
            return sum(connection.execute(rows).scalar_one() for rows in held)

    def facts_changed(self, since: int, until: int) -> Iterator[Fact]:
        """As ``MirrorStore.facts_changed``: asked after every block, so past SQLAlchemy, and mostly past tables.

        Raises:
            MirrorLagging: The mirror has not come to block ``until``.
        """
        cursor = self.cursor()
        known = self._latest.between(since, cursor) if cursor is not None and cursor.block.number == until else None
        return iter(known) if known is not None else self._changed(_CHANGED, since, until)

    def facts_revoking(self, since: int, until: int) -> Iterator[Fact]:
        """As ``MirrorStore.facts_revoking``.

        Raises:
            MirrorLagging: The mirror has not come to block ``until``.
        """
        return self._changed(_REVOKING, since, until)

    # --- histories ----------------------------------------------------------------------------------------------------

    def history(self, kind: str, first: bytes, second: bytes | None = None) -> list[Interval]:
        """As ``MirrorStore.history``."""
        which = kinds.kind_named(kind)
        rows = self._short(which, kinds.key_values(which, first, second), held=False)
        return [which.interval_of(row) for row in rows]

    def intervals_in(self, first: int, last: int) -> list[Interval]:
        """As ``MirrorStore.intervals_in``."""
        found: list[Interval] = []
        with self._database.reading() as connection:
            for kind in kinds.KINDS:
                rows = kind.oldest_first(kind.rows().where(kind.table.c.from_block.between(first, last)))
                found += [kind.interval_of(row) for row in connection.execute(rows)]
        return found

    def head_of(self, log: bytes) -> Head | None:
        """As ``MirrorStore.head_of``."""
        return self._held(kinds.HEAD, log)

    def heads_of(self, log: bytes) -> list[tuple[Head, Logged]]:
        """As ``MirrorStore.heads_of``."""
        return self._with_events(kinds.HEAD, log)

    def accesses_of(self, log: bytes) -> list[tuple[Access, Logged]]:
        """As ``MirrorStore.accesses_of``."""
        return sorted(self._with_events(kinds.ACCESS, log), key=lambda found: found[0].index)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _changed(self, questions: Mapping[kinds.Kind[Any], str], since: int, until: int) -> Iterator[Fact]:
        asked = [(question, (since, until, until)) for question in questions.values()]
        stood, *found = self._database.ask_all([(mirror_writer.CURSOR_QUESTION, ()), *asked])
        _refuse_later(mirror_writer.cursor_of(stood), until)
        for kind, rows in zip(questions, found, strict=True):
            for row in rows:
                yield kind.fact_of(row)

    @contextmanager
    def _as_of(self, block: int) -> Iterator[Connection]:
        with self._database.reading() as connection:
            _refuse_later(mirror_writer.read_cursor(connection), block)
            yield connection

    def _held(self, kind: kinds.Kind[_F], *key: bytes) -> _F | None:
        rows = self._short(kind, key, held=True)
        return kind.fact_of(rows[0]) if rows else None

    def _short(self, kind: kinds.Kind[_F], key: Sequence[Any], *, held: bool) -> list[tuple[Any, ...]]:
        """The versions of a key, without SQLAlchemy: every signed act looks up a handful of them."""
        return self._database.ask(self._question(kind, len(key), held=held), key)

    def _question(self, kind: kinds.Kind[_F], values: int, *, held: bool) -> str:
        asked = (kind.name, values, held)
        question = self._questions.get(asked)
        if question is None:
            question = self._questions[asked] = kind.question(values, held=held)
        return question

    def _facts(self, kind: kinds.Kind[_F], rows: Select[Any]) -> list[_F]:
        with self._database.reading() as connection:
            return [kind.fact_of(row) for row in connection.execute(rows)]

    def _with_events(self, kind: kinds.Kind[_F], first: bytes) -> list[tuple[_F, Logged]]:
        """All versions of the facts of a log, oldest first, each with the event that made it."""
        table = kind.table.c
        at = and_(_EVENT.c.block_number == table.from_block, _EVENT.c.log_index == table.place)
        rows = kind.rows().add_columns(*_EVENT.c).join(_EVENT, at).where(kind.is_key((first,)))
        width = len(kind.columns) + len(kinds.INTERVAL)
        with self._database.reading() as connection:
            return [
                (kind.fact_of(row), self._logged(row[width:])) for row in connection.execute(kind.oldest_first(rows))
            ]

    def _events(self, connection: Connection, rows: Select[Any]) -> list[Logged]:
        ordered = rows.order_by(_EVENT.c.block_number, _EVENT.c.log_index)
        return [self._logged(row) for row in connection.execute(ordered)]

    def _logged(self, row: Sequence[Any]) -> Logged:
        number, log_index, block_hash, transaction, address, joined, data = row
        topics = tuple(joined[start : start + 32] for start in range(0, len(joined), 32))
        try:
            event = self._read_event(topics, data)
        except MirrorDiverged as problem:
            raise MirrorDiverged(
                f"table event, block {number}, log {log_index}: {problem}; rebuild the mirror"
            ) from problem
        return Logged(event, number, block_hash, log_index, transaction, address, topics, data)


def _refuse_later(cursor: Cursor | None, block: int) -> None:
    if cursor is None or cursor.block.number < block:
        reached = "no block" if cursor is None else f"block {cursor.block.number}"
        raise MirrorLagging(f"block {block} is asked for, the mirror has come to {reached}; try again later")


def _one(connection: Connection, kind: kinds.Kind[_F], block: int, *key: bytes) -> _F | None:
    row = connection.execute(kind.rows().where(kind.is_key(key), kind.held_at(block))).first()
    return None if row is None else kind.fact_of(row)


def _stream(connection: Connection, rows: Select[Any]) -> Iterator[Sequence[Any]]:
    return iter(connection.execution_options(yield_per=_STREAM).execute(rows))
