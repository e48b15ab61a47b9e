"""The durable queue of accepted acts: ``ports.OutboxStore`` in SQL.

Invariants:

- An item keeps its sequence for ever, and sequences are given out in the order in which acceptances commit: whoever
  has seen an item has seen all before it.
- A digest stands once among the items that are not refused. What was refused may be handed in again, as a new item:
  otherwise somebody's act without authority would shut out the same act of somebody who has it.
- A sealed item is never refused later.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Select, exists, or_, select, text, true, update

from ledger.domain.acts import Act, dump, load
from ledger.domain.outbox import Item, ItemState, Outcome, Transmission
from ledger.domain.revocation import accepted
from ledger.errors import NotFound, WrongState
from ledger.store import tables
from ledger.store.database import Database
from ledger.store.short import Question
from ledger.store.tables.base import table_of

_ITEM = table_of(tables.OutboxItem)
_SENT = table_of(tables.Transmission)
_CARRIED = table_of(tables.TransmissionItem)
_ACCEPTING = 0x0C0_50E57  # advisory lock of PostgreSQL: acceptances take their sequences one after the other
_CHUNK = 500
_STATES = {int(state): state for state in ItemState}
_NEW = ("digest", "subject", "act", "state", "accepted_at", "reason", "revoking", "refused")
_SENT_COLUMNS = ("hash", "sender", "nonce", "raw", "recorded_at", "final", "error")
_SHOWN = [column for column in _ITEM.columns if column.name not in {"revoking", "refused"}]
_COLUMNS = ", ".join(f'"{column.name}"' for column in _SHOWN)
_NEWEST = f'SELECT max("sequence") FROM {_ITEM.name}'  # noqa: S608 - our own names, here and below
_OPEN = f"SELECT {_COLUMNS} FROM {_ITEM.name} WHERE NOT refused AND digest IN "  # noqa: S608
_REFUSED = f"SELECT {_COLUMNS} FROM {_ITEM.name} WHERE refused AND digest IN "  # noqa: S608
_GIVEN = f"SELECT digest, sequence FROM {_ITEM.name} WHERE sequence > ?"  # noqa: S608
# A plus before a column keeps SQLite from an index of it that is of no use: of nearly all items, which are sealed.
_OLDEST_HIDDEN = (
    f"SELECT min(oldest) FROM (SELECT min(+sequence) AS oldest FROM {_ITEM.name} "  # noqa: S608
    f"WHERE state IN ({ItemState.ACCEPTED:d}, {ItemState.SENT:d}) "
    f"UNION ALL SELECT min(+sequence) AS oldest FROM {_ITEM.name} WHERE block > ?) AS hidden"
)
_HIDDEN = (
    f"SELECT {_COLUMNS} FROM {_ITEM.name} "  # noqa: S608
    f"WHERE state IN ({ItemState.ACCEPTED:d}, {ItemState.SENT:d}) AND sequence > ? "
    f"UNION ALL SELECT {_COLUMNS} FROM {_ITEM.name} "
    f"WHERE block > ? AND +state = {ItemState.SEALED:d} AND +sequence > ?"
)
_HIDDEN_OF = (  # which looks at none of a subject's items from before the oldest that is hidden
    f"SELECT {_COLUMNS} FROM {_ITEM.name} WHERE (+state IN ({ItemState.ACCEPTED:d}, {ItemState.SENT:d}) "  # noqa: S608
    f"OR (+state = {ItemState.SEALED:d} AND +block > ?)) AND sequence > ? AND sequence >= ({_OLDEST_HIDDEN}) "
    "AND subject IN "
)


_WAITING = (
    f"SELECT {_COLUMNS} FROM {_ITEM.name} "  # noqa: S608
    f"WHERE state = {ItemState.ACCEPTED:d} ORDER BY sequence LIMIT ?"
)
_REVOKING = (
    f"SELECT {_COLUMNS} FROM {_ITEM.name} "  # noqa: S608
    "WHERE revoking AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"
)
_BIND = (
    f"UPDATE {_ITEM.name} SET state = {ItemState.SENT:d}, transaction_hash = ? "  # noqa: S608
    f"WHERE sequence IN (SELECT sequence FROM {_CARRIED.name} WHERE transaction_hash = ?) "
    f"AND state = {ItemState.ACCEPTED:d}"
)
_END = f"UPDATE {_SENT.name} SET final = true, block = ?, block_hash = ?, succeeded = ?, error = ? WHERE hash = ?"  # noqa: S608
_FINAL = f"SELECT hash, final FROM {_SENT.name} WHERE hash IN "  # noqa: S608
_REFUSE = (
    f"UPDATE {_ITEM.name} SET state = {ItemState.REFUSED:d}, refused = true, block = ?, reason = ? "  # noqa: S608
    f"WHERE digest = ? AND transaction_hash = ? AND state = {ItemState.SENT:d}"
)
_SEAL = f"UPDATE {_ITEM.name} SET state = {ItemState.SEALED:d}, block = ? WHERE "  # noqa: S608
_FREE = f"UPDATE {_ITEM.name} SET state = {ItemState.ACCEPTED:d}, transaction_hash = NULL WHERE "  # noqa: S608
_UNDER_WAY = f"SELECT hash FROM {_SENT.name} WHERE NOT final ORDER BY sender, nonce, recorded_at"  # noqa: S608


class SqlOutbox:
    """The outbox in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(self, acts: Sequence[tuple[bytes, Act]], *, at: int) -> list[Item]:
        """As ``OutboxStore.accept``; a digest whose item was refused gets a new item."""
        rows = {
            digest: (
                digest,
                getattr(act, "subject", None),
                dump(act),
                int(ItemState.ACCEPTED),
                at,
                "",
                accepted(act) is not None,
                False,
            )
            for digest, act in acts
        }
        with self._database.writing() as connection:
            if not self._database.sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ACCEPTING})
            held: dict[bytes, Item] = {}
            for part in _parts([digest for digest, _ in acts]):
                held |= _by_digest(self._database.ask_in(connection, _OPEN + _marks(part), part))
            fresh: dict[bytes, Act] = {}
            for digest, act in acts:
                if digest not in held:
                    fresh.setdefault(digest, act)
            newest = connection.exec_driver_sql(_NEWEST).scalar() or 0
            self._database.insert(connection, _ITEM, _NEW, [rows[digest] for digest in fresh])
            given = self._database.ask_in(connection, _GIVEN, (newest,))
            for digest, sequence in given:  # nobody else gives out sequences meanwhile
                held[digest] = Item(sequence, digest, fresh[digest], ItemState.ACCEPTED, at)
            return [held[digest] for digest, _ in acts]

    def item(self, digest: bytes) -> Item | None:
        """As ``OutboxStore.item``; the newest where an older one was refused."""
        return self.find([digest])[0]

    def find(self, digests: Sequence[bytes]) -> list[Item | None]:
        """As ``OutboxStore.find``."""
        found = self._find(_OPEN, digests)
        missing = [digest for digest in digests if digest not in found]
        found |= self._find(_REFUSED, missing)
        return [found.get(digest) for digest in digests]

    def waiting(self, limit: int) -> list[Item]:
        """As ``OutboxStore.waiting``."""
        return [_item(*row) for row in self._database.ask(_WAITING, (limit,))]

    def unsealed(self, *, above: int, after: int = 0, subjects: Collection[bytes] | None = None) -> list[Item]:
        """As ``OutboxStore.unsealed``."""
        asked: list[Question] = [(_HIDDEN, (after, above, after))]
        if subjects is not None:
            parts = _parts(list(subjects))
            asked = [(_HIDDEN_OF + _marks(part), (above, after, above, *part)) for part in parts]
        found = [_item(*row) for rows in self._database.ask_all(asked) for row in rows] if asked else []
        return sorted(found, key=attrgetter("sequence"))

    def items(self, *, subject: bytes | None = None, state: ItemState | None = None, limit: int = 100) -> list[Item]:
        """As ``OutboxStore.items``, newest first."""
        rows = select(*_SHOWN).order_by(_ITEM.c.sequence.desc()).limit(limit)
        if subject is not None:
            rows = rows.where(_ITEM.c.subject == subject)
        if state is not None:
            rows = rows.where(_ITEM.c.state == state)
        return self._items(rows)

    def revoking(self, after: int, until: int, limit: int) -> list[Item]:
        """As ``OutboxStore.revoking``."""
        return [_item(*row) for row in self._database.ask(_REVOKING, (after, until, limit))]

    def newest(self) -> int:
        """As ``OutboxStore.newest``."""
        newest: int | None = self._database.ask(_NEWEST)[0][0]
        return newest or 0

    def record_transmission(self, transmission: Transmission, *, at: int) -> None:
        """As ``OutboxStore.record_transmission``.

        Raises:
            WrongState: An item is not waiting any more.
        """
        self.record_transmissions([transmission], at=at)

    def record_transmissions(self, transmissions: Sequence[Transmission], *, at: int) -> None:
        """As ``OutboxStore.record_transmissions``.

        Raises:
            WrongState: An item is not waiting any more.
        """
        sent = [(one.hash, one.sender, one.nonce, one.raw, at, False, "") for one in transmissions]
        carried = [(one.hash, place, item) for one in transmissions for place, item in enumerate(one.items)]
        with self._database.writing() as connection:
            self._database.insert(connection, _SENT, _SENT_COLUMNS, sent)
            self._database.insert(connection, _CARRIED, ("transaction_hash", "place", "sequence"), carried)
            bound = self._database.run_many(connection, _BIND, [(one.hash, one.hash) for one in transmissions])
            if bound != len(carried):
                raise WrongState("an item of the transaction does not wait to be sent; read the waiting items again")

    def under_way(self) -> list[bytes]:
        """As ``OutboxStore.under_way``."""
        return [name for (name,) in self._database.ask(_UNDER_WAY)]

    def transmissions(self) -> list[Transmission]:
        """As ``OutboxStore.transmissions``."""
        rows = select(_SENT.c.hash, _SENT.c.sender, _SENT.c.nonce, _SENT.c.raw).where(text("NOT final"))
        with self._database.reading() as connection:
            found = connection.execute(rows.order_by(_SENT.c.sender, _SENT.c.nonce, _SENT.c.recorded_at)).all()
            return [Transmission(*row, _carried_by(connection, row.hash)) for row in found]

    def settle(self, transmission: Transmission, outcome: Outcome) -> None:
        """As ``OutboxStore.settle``; a second settling of the same transmission changes nothing.

        Raises:
            NotFound: The transmission was never recorded.
        """
        self.settle_all([(transmission, outcome)])

    def settle_all(self, outcomes: Sequence[tuple[Transmission, Outcome]]) -> None:
        """As ``OutboxStore.settle_all``.

        Raises:
            NotFound: A transmission was never recorded.
        """
        ended = {transmission.hash: outcome for transmission, outcome in reversed(outcomes)}  # of two the first counts
        with self._database.writing() as connection:
            fresh = {name: ended[name] for name in self._open(connection, list(ended))}
            final = [(one.block_number, one.block_hash, one.succeeded, one.error, name) for name, one in fresh.items()]
            self._database.run_many(connection, _END, final)
            reasons = [
                (one.block_number, reason, digest, name)
                for name, one in fresh.items()
                for digest, reason in one.refused.items()
            ]
            self._database.run_many(connection, _REFUSE, reasons)
            sealed: dict[int, list[bytes]] = {}
            for name, one in fresh.items():
                if one.succeeded:
                    sealed.setdefault(one.block_number, []).append(name)
            for block, names in sealed.items():
                self._database.run_many(connection, _SEAL + _carried_by_any(names), [(block, *names, *names)])
            freed = [name for name, one in fresh.items() if not one.succeeded]
            if freed:
                self._database.run_many(connection, _FREE + _carried_by_any(freed), [(*freed, *freed)])

    def unsettle(self, above_block: int) -> None:
        """As ``OutboxStore.unsettle``: their items count as sent again.

        Left alone: items that a newer transmission carries, and refused ones that were handed in again since.
        """
        again = _ITEM.alias("again")
        handed_in_again = exists().where(
            again.c.digest == _ITEM.c.digest, again.c.sequence > _ITEM.c.sequence, again.c.state != ItemState.REFUSED
        )
        undone = (_SENT.c.final == true()) & (_SENT.c.block > above_block)
        with self._database.writing() as connection:
            # Transmissions before items, as ``settle`` does it: then the two never wait for each other.
            gone = connection.execute(select(_SENT.c.hash).where(undone).with_for_update()).scalars().all()
            connection.execute(
                update(_SENT).where(undone).values(final=False, block=None, block_hash=None, succeeded=None, error="")
            )
            for start in range(0, len(gone), _CHUNK):
                part = gone[start : start + _CHUNK]
                carried = select(_CARRIED.c.sequence).where(_CARRIED.c.transaction_hash.in_(part))
                connection.execute(
                    update(_ITEM)
                    .where(
                        _ITEM.c.sequence.in_(carried),
                        _ITEM.c.transaction_hash.in_(part),
                        or_(_ITEM.c.state == ItemState.SEALED, (_ITEM.c.state == ItemState.REFUSED) & ~handed_in_again),
                    )
                    .values(state=ItemState.SENT, refused=False, block=None, reason="")
                )

    def _open(self, connection: Connection, names: Sequence[bytes]) -> list[bytes]:
        """Those of the transmissions that have no outcome yet, kept from others until the transaction ends."""
        kept = "" if self._database.sqlite else " FOR UPDATE"
        found: dict[bytes, bool] = {}
        for part in _parts(names):
            found |= dict(self._database.ask_in(connection, _FINAL + _marks(part) + kept, part))
        for name in names:
            if name not in found:
                raise NotFound(f"transaction 0x{name.hex()} was never recorded; record it first")
        return [name for name in names if not found[name]]

    def _find(self, question: str, digests: Sequence[bytes]) -> dict[bytes, Item]:
        """Items by digest; of several the newest."""
        asked = [(f"{question}{_marks(part)} ORDER BY sequence", part) for part in _parts(digests)]
        return _by_digest(chain.from_iterable(self._database.ask_all(asked))) if asked else {}

    def _items(self, rows: Select[Any]) -> list[Item]:
        with self._database.reading() as connection:
            return [_item(*row) for row in connection.execute(rows)]


def _by_digest(rows: Iterable[Sequence[Any]]) -> dict[bytes, Item]:
    return {item.digest: item for item in (_item(*row) for row in rows)}


def _parts(values: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK)]


def _marks(values: Sequence[bytes]) -> str:
    return f"({', '.join('?' * len(values))})"


def _carried_by_any(transactions: Sequence[bytes]) -> str:
    """The items that these transactions carry, and no newer one; their names are given twice."""
    marks = _marks(transactions)
    return (
        f"sequence IN (SELECT sequence FROM {_CARRIED.name} WHERE transaction_hash IN {marks}) "  # noqa: S608
        f"AND transaction_hash IN {marks} AND state = {ItemState.SENT:d}"
    )


def _carried_by(connection: Connection, transaction: bytes) -> tuple[int, ...]:
    carried = select(_CARRIED.c.sequence).where(_CARRIED.c.transaction_hash == transaction).order_by(_CARRIED.c.place)
    return tuple(connection.execute(carried).scalars())


def _item(
    sequence: int,
    digest: bytes,
    _subject: bytes | None,
    act: bytes,
    state: int,
    accepted_at: int,
    transaction: bytes | None,
    block: int | None,
    reason: str,
) -> Item:
    """An item from the columns of its table, in order."""
    return Item(sequence, digest, load(act), _STATES[state], accepted_at, transaction, block, reason)
