"""The feed of revocations follows erasures too."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "revocation_cursor",
        sa.Column("erasure", sa.BigInteger(), autoincrement=False, nullable=False, server_default="0"),
    )
