"""Indexes of the outbox that need not be written anew when an item is sent and sealed, and that SQLite uses."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_REFUSED = 4


def upgrade() -> None:
    op.add_column("outbox_item", sa.Column("refused", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(f"UPDATE outbox_item SET refused = true WHERE state = {_REFUSED}")  # noqa: S608 - a number of ours
    for name, table, columns, where in (
        ("uq_outbox_item_digest", "outbox_item", ["digest"], "NOT refused"),
        ("ix_outbox_item_refused", "outbox_item", ["digest", "sequence"], "refused"),
        ("ix_outbox_item_revoking", "outbox_item", ["sequence"], "revoking"),
        ("ix_transmission_open", "transmission", ["sender", "nonce"], "NOT final"),
    ):
        op.drop_index(name, table_name=table)
        unique, which = name.startswith("uq"), sa.text(where)
        op.create_index(name, table, columns, unique=unique, sqlite_where=which, postgresql_where=which)
