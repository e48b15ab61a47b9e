"""The outbox knows which acts may take a permit back, and which were refused, without reading them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What is there is taken for revoking: the feed reads such an act and tells of it only where it is.
    op.add_column("outbox_item", sa.Column("revoking", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_index(
        "ix_outbox_item_revoking",
        "outbox_item",
        ["sequence"],
        sqlite_where=sa.text("revoking = 1"),
        postgresql_where=sa.text("revoking = true"),
    )
    # Items that are not refused have a unique index of their digests already.
    op.drop_index("ix_outbox_item_digest", table_name="outbox_item")
    op.create_index(
        "ix_outbox_item_refused",
        "outbox_item",
        ["digest", "sequence"],
        sqlite_where=sa.text("state = 4"),
        postgresql_where=sa.text("state = 4"),
    )
