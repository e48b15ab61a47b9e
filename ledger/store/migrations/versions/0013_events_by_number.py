"""Events are keyed by the number of their block, whose rows are one chain at a time."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_COPY = """
INSERT INTO event (block_number, log_index, block_hash, transaction_hash, address, topics, data, body)
SELECT block_number, log_index, block_hash, transaction_hash, address, topics, data, body FROM event_by_hash
ORDER BY block_number, log_index
"""


def upgrade() -> None:
    op.rename_table("event", "event_by_hash")
    op.drop_index("ix_event_block_number", table_name="event_by_hash")
    if op.get_bind().dialect.name != "sqlite":  # there the names of keys are the whole schema's
        op.drop_constraint("fk_event_block_hash", "event_by_hash", type_="foreignkey")
        op.drop_constraint("pk_event", "event_by_hash", type_="primary")
    op.create_table(
        "event",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("block_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("transaction_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("topics", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("block_number", "log_index", name=op.f("pk_event")),
    )
    op.execute(_COPY)
    op.drop_table("event_by_hash")
