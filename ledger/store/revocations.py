"""The feed of revocations in SQL: ``ports.RevocationStore`` and ``ports.WebhookStore``.

Invariant: one writer at a time adds lines, as each moves the one row of the cursor; so numbers are seen in order, and
whoever has seen a number has seen all before it.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update

from ledger.domain.revocation import Act, Followed, Revocation, Stage, Told, Webhook
from ledger.store import tables
from ledger.store.database import Database, insert_if_new
from ledger.store.tables.base import table_of

_LINE = table_of(tables.RevocationRow)
_CURSOR = table_of(tables.RevocationCursor)
_HOOK = table_of(tables.WebhookRow)
_CHUNK = 500
_FOLLOWED = f"SELECT {', '.join(field.name for field in fields(Followed))} FROM {_CURSOR.name}"  # noqa: S608 - our own names
_NEWEST = f'SELECT max("number") FROM {_LINE.name}'  # noqa: S608 - our own name


class SqlRevocations:
    """The feed in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def followed(self) -> Followed:
        """As ``RevocationStore.followed``."""
        rows = self._database.ask(_FOLLOWED)
        return Followed(*rows[0]) if rows else Followed()

    def tell(self, revocations: Sequence[Revocation], *, before: Followed, now: Followed) -> bool:
        """As ``RevocationStore.tell``."""
        # A cursor that moved past what is not told need not be on the disk: it would move again.
        stood = [getattr(_CURSOR.c, name) == value for name, value in asdict(before).items()]
        with self._database.writing(durable=bool(revocations)) as connection:
            if before == Followed():
                connection.execute(insert_if_new(connection, _CURSOR).values(id=1, **asdict(before)))
            moved = connection.execute(update(_CURSOR).where(*stood).values(**asdict(now)))
            if moved.rowcount != 1:
                return False
            if revocations:
                connection.execute(insert(_LINE), [asdict(one) for one in revocations])
            return True

    def after(self, number: int, limit: int) -> list[Told]:
        """As ``RevocationStore.after``."""
        return self._lines(select(_LINE).where(_LINE.c.number > number).order_by(_LINE.c.number).limit(limit))

    def newest(self) -> int:
        """As ``RevocationStore.newest``."""
        newest: int | None = self._database.ask(_NEWEST)[0][0]
        return newest or 0

    def accepted(self, digests: Sequence[bytes]) -> list[Revocation]:
        """As ``RevocationStore.accepted``."""
        found: list[Revocation] = []
        for start in range(0, len(digests), _CHUNK):
            chosen = _LINE.c.digest.in_(digests[start : start + _CHUNK])
            rows = select(_LINE).where(chosen, _LINE.c.stage == Stage.ACCEPTED).order_by(_LINE.c.number)
            found += [one.revocation for one in self._lines(rows)]
        return found

    def _lines(self, rows: Select[Any]) -> list[Told]:
        with self._database.reading() as connection:
            return [
                Told(number, Revocation(Stage(stage), Act(act), *rest))
                for number, stage, act, *rest in connection.execute(rows)
            ]


class SqlWebhooks:
    """Webhooks in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, hook: Webhook) -> None:
        """As ``WebhookStore.add``."""
        with self._database.writing() as connection:
            connection.execute(insert(_HOOK).values(**asdict(hook)))

    def put(self, hook: Webhook) -> None:
        """As ``WebhookStore.put``."""
        with self._database.writing() as connection:
            connection.execute(update(_HOOK).where(_HOOK.c.id == hook.id).values(**asdict(hook)))

    def remove(self, id: bytes) -> None:
        """As ``WebhookStore.remove``."""
        with self._database.writing() as connection:
            connection.execute(delete(_HOOK).where(_HOOK.c.id == id))

    def of(self, role: str, owner: bytes) -> list[Webhook]:
        """As ``WebhookStore.of``."""
        return self._hooks(select(_HOOK).where(_HOOK.c.role == role, _HOOK.c.owner == owner))

    def due(self, at: int) -> list[Webhook]:
        """As ``WebhookStore.due``; those alone whose feed has something new."""
        newest = select(func.coalesce(func.max(_LINE.c.number), 0)).scalar_subquery()
        return self._hooks(select(_HOOK).where(_HOOK.c.dead.is_(False), _HOOK.c.due_at <= at, _HOOK.c.after < newest))

    def _hooks(self, rows: Select[Any]) -> list[Webhook]:
        with self._database.reading() as connection:
            return [Webhook(*row) for row in connection.execute(rows.order_by(_HOOK.c.created_at, _HOOK.c.id))]
