"""Erasures in SQL: ``ports.ErasureStore``.

Invariant: a row of a decision goes in the same transaction in which its leaf takes its place, so that the decision's
commitment can be recomputed at every moment.
"""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from ledger.domain.decision import Outcome
from ledger.domain.erasure import Erasure
from ledger.store import tables
from ledger.store.database import Database
from ledger.store.tables.base import table_of
from ledger.store.vault import hold_personal_data
from ledger.transparency.cohort import cohort_leaf

_LOG = table_of(tables.AuditLog)
_DECISION = table_of(tables.Decision)
_MEMBER = table_of(tables.DecisionMember)
_ERASED = table_of(tables.ErasedMember)
_RECORD = table_of(tables.VaultRecord)
_PASSKEY = table_of(tables.PasskeyRow)
_INVITATION = table_of(tables.InvitationRow)
_ERASURE = table_of(tables.Erasure)
_OPENING = table_of(tables.ErasureOpening)
_NEWEST = f'SELECT max("number") FROM {_ERASURE.name}'  # noqa: S608 - our own names


class SqlErasures:
    """All erasures in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def destroy(self, subject: bytes, *, id: str, custodian: bytes, actor: str, at: int) -> Erasure | None:
        """As ``ErasureStore.destroy``."""
        with self._database.writing() as connection:
            hold_personal_data(connection)
            openings = _erase_openings(connection, subject)
            record = connection.execute(delete(_RECORD).where(_RECORD.c.subject == subject)).rowcount
            passkeys = sum(
                connection.execute(delete(table).where(table.c.subject == subject)).rowcount
                for table in (_PASSKEY, _INVITATION)
            )
            found = openings or record or passkeys
            if not found and _of(connection, select(_ERASURE).where(_ERASURE.c.subject == subject)):
                return None
            created = connection.execute(
                insert(_ERASURE).values(
                    id=id,
                    subject=subject,
                    custodian=custodian,
                    actor=actor,
                    at=at,
                    local_record=bool(record),
                    passkeys=bool(passkeys),
                    logged=False,
                )
            )
            assert created.inserted_primary_key is not None
            number = created.inserted_primary_key[0]
            rows = [{"erasure": number, "log": log, "index": index} for log, index in openings]
            if rows:
                connection.execute(insert(_OPENING), rows)
            return _of(connection, select(_ERASURE).where(_ERASURE.c.number == number))[0]

    def unlogged(self, subject: bytes | None = None) -> list[Erasure]:
        """As ``ErasureStore.unlogged``."""
        rows = select(_ERASURE).where(_ERASURE.c.logged.is_(False))
        if subject is not None:
            rows = rows.where(_ERASURE.c.subject == subject)
        with self._database.reading() as connection:
            return _of(connection, rows)

    def logged(self, erasure: Erasure) -> None:
        """As ``ErasureStore.logged``."""
        with self._database.writing() as connection:
            connection.execute(delete(_OPENING).where(_OPENING.c.erasure == erasure.number))
            connection.execute(update(_ERASURE).where(_ERASURE.c.number == erasure.number).values(logged=True))

    def of(self, subject: bytes) -> list[Erasure]:
        """As ``ErasureStore.of``."""
        with self._database.reading() as connection:
            return _of(connection, select(_ERASURE).where(_ERASURE.c.subject == subject))

    def newest(self) -> int:
        """As ``ErasureStore.newest``."""
        newest: int | None = self._database.ask(_NEWEST)[0][0]
        return newest or 0

    def subjects(self, after: int = 0) -> list[bytes]:
        """As ``ErasureStore.subjects``."""
        with self._database.reading() as connection:
            return list(connection.execute(select(_ERASURE.c.subject).where(_ERASURE.c.number > after)).scalars())

    def scrub(self) -> None:
        """As ``ErasureStore.scrub``."""
        self._database.scrub([_RECORD, _MEMBER, _OPENING, _PASSKEY, _INVITATION])


def _erase_openings(connection: Connection, subject: bytes) -> list[tuple[int, int]]:
    """Put a leaf in the place of each of the subject's rows; returns the number of the log and the index of each."""
    found = connection.execute(
        select(_MEMBER.c.decision, _MEMBER.c.salt, _MEMBER.c.outcome, _DECISION.c.log, _DECISION.c.index.label("at"))
        .join(_DECISION, _DECISION.c.number == _MEMBER.c.decision)
        .where(_MEMBER.c.subject == subject)
        .order_by(_DECISION.c.log, _DECISION.c.index)
    ).all()
    rows = [
        {
            "decision": row.decision,
            "place": _place(connection, row.decision, subject),
            "leaf": cohort_leaf(row.salt, subject, permitted=row.outcome == Outcome.PERMIT),
        }
        for row in found
    ]
    if rows:
        connection.execute(insert(_ERASED), rows)
        connection.execute(delete(_MEMBER).where(_MEMBER.c.subject == subject))
    return [(row.log, row.at) for row in found]


def _place(connection: Connection, decision: int, subject: bytes) -> int:
    """Where a subject stands among all rows of a decision, the erased ones too."""
    before = select(func.count()).where(_MEMBER.c.decision == decision, _MEMBER.c.subject < subject)
    place = int(connection.execute(before).scalar_one())
    taken = select(_ERASED.c.place).where(_ERASED.c.decision == decision).order_by(_ERASED.c.place)
    for other in connection.execute(taken).scalars():
        place += other <= place
    return place


def _of(connection: Connection, rows: Select[tuple[object, ...]]) -> list[Erasure]:
    found = connection.execute(rows.order_by(_ERASURE.c.number)).all()
    openings = _openings(connection, [row.number for row in found if not row.logged])
    return [
        Erasure(
            number=row.number,
            id=row.id,
            subject=row.subject,
            custodian=row.custodian,
            actor=row.actor,
            at=row.at,
            local_record=row.local_record,
            passkeys=row.passkeys,
            openings=tuple(openings[row.number]),
            logged=row.logged,
        )
        for row in found
    ]


def _openings(connection: Connection, numbers: Sequence[int]) -> dict[int, list[tuple[bytes, int]]]:
    rows = (
        select(_OPENING.c.erasure, _LOG.c.log, _OPENING.c.index)
        .join(_LOG, _LOG.c.number == _OPENING.c.log)
        .order_by(_OPENING.c.erasure, _LOG.c.number, _OPENING.c.index)
    )
    found: dict[int, list[tuple[bytes, int]]] = defaultdict(list)
    for number in numbers:
        for erasure, log, index in connection.execute(rows.where(_OPENING.c.erasure == number)):
            found[erasure].append((log, index))
    return found
