"""Events are kept as raw logs alone, from which they are read again."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("event", "body")
