"""A log's tree as tiles of 256 hashes, and an idempotency key once an append.

What is there is copied, not computed anew: a log that was changed shows it afterwards as it did before.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_WIDTH, _HEIGHT = 256, 8
_KEYED = sa.text(
    'SELECT log, "index", key FROM audit_entry WHERE (log, "index") > (:l, :i) AND key IS NOT NULL '
    'ORDER BY log, "index" LIMIT 1000'
)
_UNNAMED = sa.text('UPDATE audit_entry SET key = NULL WHERE log = :l AND "index" > :first AND "index" <= :last')
_NAMED = sa.text('UPDATE audit_entry SET key = :k, count = :c WHERE log = :l AND "index" = :first')
_TRIGGERS = ("no_update", "no_delete"), ("no_change", "no_truncation")


def upgrade() -> None:
    op.add_column("audit_entry", sa.Column("count", sa.Integer(), nullable=True))
    op.create_table(
        "tree_tile",
        sa.Column("log", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["log"], ["audit_log.number"], name="fk_tree_tile_log"),
        sa.PrimaryKeyConstraint("log", "level", "index", name=op.f("pk_tree_tile")),
        sqlite_with_rowid=False,
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    _drop_triggers("audit_entry", sqlite=sqlite)
    _move_keys()
    _fill_tiles()
    op.drop_table("tree_node")
    for table in ("audit_entry", "tree_tile"):
        _keep_append_only(table, sqlite=sqlite)


def _move_keys() -> None:
    """``key#0``, ``key#1`` .. on every entry become ``key`` on the first, with how many there are."""
    base = op.get_bind()
    where = sa.text("key IS NOT NULL")
    # Without the index meanwhile: a key that has lost its number may be one that another has not lost yet.
    op.drop_index("uq_audit_entry_key", "audit_entry")
    for append in _appends(base):
        base.execute(_UNNAMED, append)
        base.execute(_NAMED, append)
    op.create_index(
        "uq_audit_entry_key", "audit_entry", ["log", "key"], unique=True, sqlite_where=where, postgresql_where=where
    )


def _appends(base: sa.Connection) -> Iterator[dict[str, Any]]:
    """The log, the first and last index, the key and the number of entries of each append: neighbours are of one.

    Where a key was changed, what is behind it has no first entry: no key is left there, and fsck names the place.
    """
    for (log, key), rows in groupby(_keyed(base), key=lambda row: (row[0], row[2].rpartition("#")[0])):
        held = [(index, numbered) for _, index, numbered in rows]
        (first, numbered), (last, _) = held[0], held[-1]
        whole = numbered == f"{key}#0"
        yield {"l": log, "first": first, "last": last, "k": key if whole else None, "c": len(held) if whole else None}


def _keyed(base: sa.Connection) -> Iterator[Any]:
    """The rows that still have a key of their own, a page at a time: a page is read before its rows are changed."""
    log, index = 0, -1
    while rows := base.execute(_KEYED, {"l": log, "i": index}).all():
        yield from rows
        log, index, _ = rows[-1]


def _fill_tiles() -> None:
    base = op.get_bind()
    for (log,) in base.execute(sa.text("SELECT number FROM audit_log")).all():
        size = base.execute(sa.text('SELECT max("index") FROM audit_entry WHERE log = :l'), {"l": log}).scalar()
        width = 0 if size is None else size + 1
        for level in range(8):
            width //= _WIDTH
            for index in range(width):
                _copy_tile(base, log, level, index)


def _copy_tile(base: sa.Connection, log: int, level: int, index: int) -> None:
    span = {"l": log, "first": index * _WIDTH, "end": (index + 1) * _WIDTH, "level": level * _HEIGHT}
    source = "SELECT hash FROM tree_node WHERE level = :level AND" if level else "SELECT leaf FROM audit_entry WHERE"
    rows = base.execute(sa.text(f'{source} log = :l AND "index" >= :first AND "index" < :end ORDER BY "index"'), span)
    hashes = b"".join(digest for (digest,) in rows)
    above = sa.text('SELECT hash FROM tree_node WHERE log = :l AND level = :level AND "index" = :i')
    root = base.execute(above, {"l": log, "level": (level + 1) * _HEIGHT, "i": index}).scalar()
    if root is not None:  # without it the log was cut into; what is missing stays missing
        tile = {"l": log, "level": level, "i": index, "root": root, "hashes": hashes}
        base.execute(
            sa.text(
                'INSERT INTO tree_tile (log, level, "index", root, hashes) VALUES (:l, :level, :i, :root, :hashes)'
            ),
            tile,
        )


def _drop_triggers(table: str, *, sqlite: bool) -> None:
    for name in _TRIGGERS[0] if sqlite else _TRIGGERS[1]:
        op.execute(f"DROP TRIGGER {table}_{name}" + ("" if sqlite else f" ON {table}"))


def _keep_append_only(table: str, *, sqlite: bool) -> None:
    if sqlite:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncation BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
