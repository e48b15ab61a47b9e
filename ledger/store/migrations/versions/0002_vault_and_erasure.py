"""The vault, and erasure."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vault_record",
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custodian", sa.LargeBinary(length=32), nullable=False),
        sa.Column("blind", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_vault_record")),
        sqlite_with_rowid=False,
    )
    op.create_index("uq_vault_record_blind", "vault_record", ["custodian", "blind"], unique=True)
    op.create_index("ix_vault_record_key_version", "vault_record", ["key_version"], unique=False)
    op.create_table(
        "vault_key",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("newest", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vault_key")),
    )
    op.create_table(
        "erasure",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("custodian", sa.LargeBinary(length=32), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("local_record", sa.Boolean(), nullable=False),
        sa.Column("passkeys", sa.Boolean(), nullable=False),
        sa.Column("logged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_erasure")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_erasure_subject", "erasure", ["subject", "number"], unique=False)
    op.create_table(
        "erasure_opening",
        sa.Column("erasure", sa.BigInteger(), nullable=False),
        sa.Column("log", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["erasure"], ["erasure.number"], name="fk_erasure_opening_erasure"),
        sa.ForeignKeyConstraint(["log"], ["audit_log.number"], name="fk_erasure_opening_log"),
        sa.PrimaryKeyConstraint("erasure", "log", "index", name=op.f("pk_erasure_opening")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "erased_member",
        sa.Column("decision", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["decision"], ["decision.number"], name="fk_erased_member_decision"),
        sa.PrimaryKeyConstraint("decision", "place", name=op.f("pk_erased_member")),
        sqlite_with_rowid=False,
    )
