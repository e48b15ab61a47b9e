"""For each kind of fact: its table, its key and its columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import ColumnElement, Select, Table, and_, or_, select, true
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

from ledger.domain import projection as facts
from ledger.domain.consent import Consent
from ledger.domain.directory import Dataset, Engine, Institution, Reviewer, Study, Terms
from ledger.domain.flat import columns_of, revive
from ledger.domain.projection import Fact, Key
from ledger.errors import InvalidInput, MirrorDiverged
from ledger.ports import Interval
from ledger.store import tables
from ledger.store.tables.base import table_of

_F = TypeVar("_F")
_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]
INTERVAL = ("from_block", "to_block", "place")


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[_F]):
    """One kind of fact; there is one of each, so that they are told apart by identity.

    ``columns`` are the fact's flat values, in order; ``key`` the names of those that identify it; ``identify`` reads
    the key's values from a fact, as a tuple.
    """

    fact: type[_F]
    table: Table
    columns: tuple[str, ...]
    key: tuple[str, ...]
    identify: Callable[[_F], tuple[Any, ...]]

    @property
    def name(self) -> str:
        """The kind's name in ``projection.key_of``."""
        return self.fact.__name__

    def rows(self) -> Select[Any]:
        """All versions: the flat values, then from_block, to_block and place."""
        return select(*(self.table.c[name] for name in (*self.columns, *INTERVAL)))

    def held_at(self, block: int) -> ColumnElement[bool]:
        """The condition on versions that held at a block."""
        table = self.table.c
        return and_(table.from_block <= block, or_(table.to_block.is_(None), table.to_block > block))

    def held(self) -> ColumnElement[bool]:
        """The condition on versions that hold as of the last block taken in."""
        return self.table.c.to_block.is_(None)

    def is_key(self, values: Sequence[Any]) -> ColumnElement[bool]:
        """The condition on versions of a key, or of all keys that start with these values."""
        return and_(true(), *(self.table.c[name] == value for name, value in zip(self.key, values, strict=False)))

    def question(self, values: int, *, held: bool) -> str:
        """SQL for the versions whose key starts with so many values, oldest first: those that hold, or all of them."""
        columns = ", ".join(f'"{name}"' for name in (*self.columns, *INTERVAL))
        conditions = [f'"{name}" = ?' for name in self.key[:values]] + ["to_block IS NULL"] * held
        where = " AND ".join(conditions) or "true"
        return f"SELECT {columns} FROM {self.table.name} WHERE {where} ORDER BY from_block, place"  # noqa: S608 - our names

    def changed(self, condition: str = "true") -> str:
        """SQL for the versions that began in blocks ``(?, ?]`` and held at the block of the third value, in order.

        Args:
            condition: A further one on them; SQL of our own.
        """
        columns = ", ".join(f'"{name}"' for name in (*self.columns, *INTERVAL))
        held = f"from_block > ? AND from_block <= ? AND (to_block IS NULL OR to_block > ?) AND {condition}"
        return f"SELECT {columns} FROM {self.table.name} WHERE {held} ORDER BY from_block, place"  # noqa: S608 - our names

    def end(self) -> str:
        """SQL that ends the version that holds: at a block, of a key."""
        key = "".join(f' AND "{name}" = ?' for name in self.key)
        return f"UPDATE {self.table.name} SET to_block = ? WHERE to_block IS NULL{key}"  # noqa: S608 - our names

    def end_all(self) -> str:
        """The same for PostgreSQL, for a list of blocks and one of each value of the keys."""
        given, same = self._given("bigint")
        return (
            f"UPDATE {self.table.name} SET to_block = given.v0 FROM {given} "  # noqa: S608 - our names
            f"WHERE to_block IS NULL{same}"
        )

    def held_of(self, keys: int) -> str:
        """SQL of SQLite for the versions that hold of so many keys; the values of one after those of the other."""
        columns = ", ".join(f'"{name}"' for name in (*self.columns, *INTERVAL))
        names = [f"v{place}" for place in range(len(self.key))]
        same = "".join(f' AND "{name}" = {value}' for name, value in zip(self.key, names, strict=True))
        one = f"({', '.join('?' * len(names))})"
        return (
            f"WITH given({', '.join(names)}) AS (VALUES {', '.join([one] * keys)}) "  # noqa: S608 - our names
            f"SELECT {columns} FROM given CROSS JOIN {self.table.name} WHERE to_block IS NULL{same}"
        )

    def held_of_all(self) -> str:
        """SQL of PostgreSQL for the versions that hold of many keys, for a list of each value of the keys."""
        columns = ", ".join(f'"{name}"' for name in (*self.columns, *INTERVAL))
        given, same = self._given()
        return f"SELECT {columns} FROM {self.table.name}, {given} WHERE to_block IS NULL{same}"  # noqa: S608 - our names

    def _given(self, *before: str) -> tuple[str, str]:
        """Lists as a table ``given``, and the condition that its row has a version's key."""
        types = (*before, *(self.table.c[name].type.compile(_POSTGRESQL) for name in self.key))
        lists = ", ".join(f"%b::{name}[]" for name in types)
        names = ", ".join(f"v{place}" for place in range(len(types)))
        same = "".join(f' AND "{name}" = given.v{place}' for place, name in enumerate(self.key, len(before)))
        return f"unnest({lists}) AS given ({names})", same

    def oldest_first(self, rows: Select[Any]) -> Select[Any]:
        """Rows in the order of the chain."""
        return rows.order_by(self.table.c.from_block, self.table.c.place)

    def fact_of(self, row: Sequence[Any]) -> _F:
        """The fact of a row.

        Raises:
            MirrorDiverged: The row holds what no fact can.
        """
        try:
            return revive(self.fact, row[: len(self.columns)])
        except InvalidInput as problem:
            raise MirrorDiverged(f"table {self.table.name}: {problem}; rebuild the mirror from the chain") from problem

    def interval_of(self, row: Sequence[Any]) -> Interval:
        """The fact of a row and the blocks in which it held."""
        since, until, place = row[len(self.columns) :]
        return Interval(cast("Fact", self.fact_of(row)), since, until, place)


def _kind(fact: type[_F], model: type[SQLModel], *key: str) -> Kind[_F]:
    def identify(value: _F) -> tuple[Any, ...]:
        return tuple(getattr(value, name) for name in key)

    read: Callable[[_F], tuple[Any, ...]] = attrgetter(*key) if len(key) > 1 else identify
    return Kind(fact, table_of(model), columns_of(fact), key, read)


INSTITUTION = _kind(Institution, tables.InstitutionRow, "id")
REVIEWER = _kind(Reviewer, tables.ReviewerRow, "id")
TERMS = _kind(Terms, tables.TermsRow, "hash")
STUDY = _kind(Study, tables.StudyRow, "id")
APPROVAL = _kind(facts.Approval, tables.StudyApprovalRow, "study", "reviewer")
ENGINE = _kind(Engine, tables.EngineRow, "id")
DATASET = _kind(Dataset, tables.DatasetRow, "id")
SUBJECT = _kind(facts.Subject, tables.SubjectRow, "id")
AUTHORITY = _kind(facts.Authority, tables.SignerRow, "subject", "signer")
RECOVERY = _kind(facts.Recovery, tables.RecoveryRow, "subject")
SPENT_ID = _kind(facts.SpentId, tables.SpentIdRow, "subject", "id")
CONSENT = _kind(Consent, tables.ConsentRow, "subject", "id")
HEAD = _kind(facts.Head, tables.AnchoredHeadRow, "log")
ACCESS = _kind(facts.Access, tables.AccessEventRow, "log", "index")
REFUSAL = _kind(facts.Refusal, tables.RefusalRow, "digest")
PAUSE = _kind(facts.Pause, tables.PauseRow)

KINDS: tuple[Kind[Any], ...] = (
    INSTITUTION,
    REVIEWER,
    TERMS,
    STUDY,
    APPROVAL,
    ENGINE,
    DATASET,
    SUBJECT,
    AUTHORITY,
    RECOVERY,
    SPENT_ID,
    CONSENT,
    HEAD,
    ACCESS,
    REFUSAL,
    PAUSE,
)
BY_FACT: dict[type, Kind[Any]] = {kind.fact: kind for kind in KINDS}
_BY_NAME = {kind.name: kind for kind in KINDS}


def kind_named(name: str) -> Kind[Any]:
    """The kind with this name.

    Raises:
        InvalidInput: There is none.
    """
    kind = _BY_NAME.get(name)
    if kind is None:
        raise InvalidInput(f"{name!r} is no kind of fact; one of {', '.join(_BY_NAME)} is")
    return kind


def key_values(kind: Kind[Any], first: bytes, second: bytes | None) -> tuple[Any, ...]:
    """The values of a kind's key columns, from the form of ``projection.key_of``."""
    given: tuple[Any, ...] = (first,) if second is None else (first, second)
    if kind is ACCESS and second is not None:
        given = (first, int.from_bytes(second, "big"))
    return given[: len(kind.key)]


def key_from(kind: Kind[Any], values: Sequence[Any]) -> Key:
    """The key in the form of ``projection.key_of``, from the values of a kind's key columns."""
    parts = [value.to_bytes(8, "big") if isinstance(value, int) else bytes(value) for value in values]
    first, second = (*parts, b"", b"")[:2]
    return (kind.name, first, second)
