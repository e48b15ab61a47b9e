"""Passkeys and invitations in SQL: ``ports.PasskeyStore``."""

from typing import Any

from sqlalchemy import delete, insert, select, update

from ledger.domain.passkey import Invitation, Passkey, counts_on
from ledger.errors import Replayed
from ledger.store import tables
from ledger.store.database import Database
from ledger.store.tables.base import table_of

_PASSKEY = table_of(tables.PasskeyRow)
_INVITATION = table_of(tables.InvitationRow)


class SqlPasskeys:
    """All subjects' passkeys in one database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, passkey: Passkey) -> None:
        """As ``PasskeyStore.keep``."""
        with self._database.writing() as connection:
            same = select(_PASSKEY).where(_PASSKEY.c.credential == passkey.credential)
            held = connection.execute(same).first()
            if held is None:
                connection.execute(insert(_PASSKEY).values(**_values(passkey)))
            elif (held.subject, held.signer) != (passkey.subject, passkey.signer):
                raise Replayed(
                    "this passkey is registered already, for somebody else or with another key; make a new one"
                )

    def of(self, subject: bytes) -> list[Passkey]:
        """As ``PasskeyStore.of``."""
        rows = select(_PASSKEY).where(_PASSKEY.c.subject == subject)
        with self._database.reading() as connection:
            found = [Passkey(**row._mapping) for row in connection.execute(rows)]  # noqa: SLF001 - SQLAlchemy's public name
        return sorted(found, key=lambda one: (one.added_at, one.credential))

    def advance(self, credential: bytes, counter: int) -> bool:
        """As ``PasskeyStore.advance``."""
        with self._database.writing() as connection:
            row = connection.execute(select(_PASSKEY.c.counter).where(_PASSKEY.c.credential == credential)).first()
            if row is None or not counts_on(row.counter, counter):
                return False
            change = update(_PASSKEY).where(_PASSKEY.c.credential == credential, _PASSKEY.c.counter == row.counter)
            return connection.execute(change.values(counter=counter)).rowcount == 1

    def invite(self, invitation: Invitation) -> None:
        """As ``PasskeyStore.invite``."""
        with self._database.writing() as connection:
            connection.execute(delete(_INVITATION).where(_INVITATION.c.subject == invitation.subject))
            connection.execute(insert(_INVITATION).values(**_values(invitation)))

    def invitation(self, subject: bytes) -> Invitation | None:
        """As ``PasskeyStore.invitation``."""
        with self._database.reading() as connection:
            row = connection.execute(select(_INVITATION).where(_INVITATION.c.subject == subject)).first()
            return None if row is None else Invitation(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name

    def forget(self, subject: bytes) -> None:
        """As ``PasskeyStore.forget``."""
        with self._database.writing() as connection:
            connection.execute(delete(_PASSKEY).where(_PASSKEY.c.subject == subject))
            connection.execute(delete(_INVITATION).where(_INVITATION.c.subject == subject))


def _values(fact: Passkey | Invitation) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in fact.__slots__}
