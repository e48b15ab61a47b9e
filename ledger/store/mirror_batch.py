"""The facts of one batch of blocks: projected over the rows that are there, and written by kind."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import Connection

from ledger.domain.consent import Consent, ConsentState
from ledger.domain.directory import Dataset, Engine, Institution, Study, Terms
from ledger.domain.events import AllWithdrawn, ConsentRecorded, ConsentWithdrawn, Logged, SignerRemoved
from ledger.domain.flat import encode_row, flatten
from ledger.domain.projection import Authority, Fact, Recovery
from ledger.store import kinds
from ledger.store.database import Database
from ledger.store.latest_batches import Changed

_F = TypeVar("_F")


class _Rows:
    """The new rows of one kind, ``open`` by key those that hold, and the ``ends`` of those that are there."""

    __slots__ = ("_kind", "ends", "open", "rows")

    def __init__(self, kind: kinds.Kind[Any]) -> None:
        self._kind = kind
        self.rows: list[list[Any]] = []
        self.open: dict[tuple[Any, ...], list[Any]] = {}
        self.ends: list[tuple[Any, ...]] = []

    def write(self, database: Database, connection: Connection) -> None:
        """End the versions that were replaced, then add the new ones."""
        kind = self._kind
        if database.sqlite:
            database.run_many(connection, kind.end(), self.ends)
        elif self.ends:
            connection.exec_driver_sql(kind.end_all(), tuple(map(list, zip(*self.ends, strict=True))))
        database.insert(connection, kind.table, (*kind.columns, *kinds.INTERVAL), self.rows)


class Batch:
    """The facts of one batch over the rows that are there: what ``project`` looks at, and what will be written.

    Args:
        connection: Of a reading transaction, which sees the facts before the batch.
        events: Its events.
    """

    def __init__(self, connection: Connection, events: Sequence[Logged]) -> None:
        self._connection = connection
        self._sqlite = connection.dialect.name == "sqlite"
        self._made: dict[tuple[Any, ...], Any] = {}
        self._found: dict[tuple[Any, ...], Any] = {}
        self._consents: dict[bytes, dict[bytes, Consent]] = {}  # of those alone who withdraw all of theirs at once
        self._rows: dict[kinds.Kind[Any], _Rows] = {}
        withdrawn, removed = set(), set()
        for logged in events:
            match logged.event:
                case ConsentRecorded():
                    pass
                case ConsentWithdrawn(subject, id):
                    withdrawn.add((subject, id))
                case AllWithdrawn(subject):
                    self._consents[subject] = {}
                case SignerRemoved(subject, signer):
                    removed.add((subject, signer))
        self._prefetch(kinds.CONSENT, withdrawn)
        self._prefetch(kinds.AUTHORITY, removed)

    def put(self, fact: Fact, block: int, place: int) -> bytes:
        """Hold a fact that an event made; returns its canonical bytes."""
        kind = kinds.BY_FACT[type(fact)]
        key = kind.identify(fact)
        row: list[Any] = flatten(fact)
        encoded = encode_row(type(fact), row)
        row += (block, None, place)
        of_kind = self._rows.get(kind) or self._rows.setdefault(kind, _Rows(kind))
        before = of_kind.open.get(key)
        if before is not None:
            before[-2] = block
        elif not _is_first(fact):
            of_kind.ends.append((block, *key))
        of_kind.open[key] = row
        of_kind.rows.append(row)
        self._made[(type(fact), *key)] = fact
        if self._consents and isinstance(fact, Consent) and fact.subject in self._consents:
            self._consents[fact.subject][fact.id] = fact
        return encoded

    def write(self, database: Database, connection: Connection) -> None:
        """Write all of them."""
        for rows in self._rows.values():
            rows.write(database, connection)

    def changed(self) -> Changed:
        """The facts that the batch made and that hold at its end."""
        return self._made

    def institution(self, id: bytes) -> Institution | None:
        """The institution, if it was admitted."""
        return self._look_up(kinds.INSTITUTION, id)

    def study(self, id: bytes) -> Study | None:
        """The study, if it was proposed."""
        return self._look_up(kinds.STUDY, id)

    def engine(self, id: bytes) -> Engine | None:
        """The engine, if it was registered."""
        return self._look_up(kinds.ENGINE, id)

    def dataset(self, id: bytes) -> Dataset | None:
        """The dataset, if it was registered."""
        return self._look_up(kinds.DATASET, id)

    def terms(self, hash: bytes) -> Terms | None:
        """The text, if it was published."""
        return self._look_up(kinds.TERMS, hash)

    def consent(self, subject: bytes, id: bytes) -> Consent | None:
        """The consent, withdrawn or not."""
        return self._look_up(kinds.CONSENT, subject, id)

    def consents(self, subject: bytes) -> Iterable[Consent]:
        """Every consent of a subject: those that are there, and over them those of this batch."""
        kind = kinds.CONSENT
        rows = self._ask(kind.question(1, held=True), (subject,))
        found = {consent.id: consent for consent in map(kind.fact_of, rows)}
        return (found | self._consents[subject]).values()

    def authority(self, subject: bytes, signer: bytes) -> Authority | None:
        """The signer's authority, ended or not."""
        return self._look_up(kinds.AUTHORITY, subject, signer)

    def recovery(self, subject: bytes) -> Recovery | None:
        """The subject's last recovery, if there was one."""
        return self._look_up(kinds.RECOVERY, subject)

    def _look_up(self, kind: kinds.Kind[_F], *key: bytes) -> _F | None:
        place = (kind.fact, *key)
        made: _F | None = self._made.get(place)
        if made is not None:
            return made
        if place not in self._found:
            rows = self._ask(kind.question(len(key), held=True), key)
            self._found[place] = kind.fact_of(rows[0]) if rows else None
        found: _F | None = self._found[place]
        return found

    def _prefetch(self, kind: kinds.Kind[Any], keys: Iterable[tuple[Any, ...]]) -> None:
        """Read the rows that the batch will change, all at once."""
        found: Iterable[Sequence[Any]]
        if self._sqlite:
            one = kind.question(len(kind.key), held=True)
            found = chain.from_iterable(self._ask(one, key) for key in keys)
        else:
            lists = tuple(map(list, zip(*keys, strict=True)))
            found = self._connection.exec_driver_sql(kind.held_of_all(), lists) if lists else ()
        for row in found:
            fact = kind.fact_of(row)
            self._found[(kind.fact, *kind.identify(fact))] = fact

    def _ask(self, question: str, values: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
        """The rows of a question whose parameters are written ``?``, past SQLAlchemy's own."""
        written = question if self._sqlite else question.replace("?", "%s")
        return self._connection.exec_driver_sql(written, values).all()


def _is_first(fact: Fact) -> bool:
    """Whether a fact is new for certain, so that no version of it is there to be closed: most are.

    The contract records a first version under an unused id alone (``ConsentRegistry__IdSpent``).
    """
    return isinstance(fact, Consent) and fact.version == 1 and fact.state is ConsentState.ACTIVE
