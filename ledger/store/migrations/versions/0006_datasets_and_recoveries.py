"""Datasets with their terms, the purposes of studies, and recoveries of lost keys.

The mirror is a copy of the chain. The events of a ledger before this version are of other contracts, which this
program does not read, so there are no rows to carry over.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _intervals(
        "dataset",
        "id",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custodian", sa.LargeBinary(length=32), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
    )
    _intervals(
        "recovery",
        "subject",
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custodian", sa.LargeBinary(length=32), nullable=False),
        sa.Column("new_signer", sa.LargeBinary(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("form", sa.LargeBinary(length=32), nullable=False),
        sa.Column("opens_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
    )
    nothing = "x''" if op.get_bind().dialect.name == "sqlite" else "''"
    op.add_column("study", sa.Column("purpose", sa.LargeBinary(), nullable=False, server_default=sa.text(nothing)))


def _intervals(table: str, key: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        table,
        sa.Column("from_block", sa.BigInteger(), nullable=False),
        sa.Column("to_block", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("from_block", "place", key, name=op.f(f"pk_{table}")),
        sqlite_with_rowid=False,
    )
    op.create_index(f"ix_{table}_key", table, [key, "from_block", "place"], unique=False)
    op.create_index(
        f"ix_{table}_to_block",
        table,
        ["to_block"],
        unique=False,
        sqlite_where=sa.text("to_block IS NOT NULL"),
        postgresql_where=sa.text("to_block IS NOT NULL"),
    )
