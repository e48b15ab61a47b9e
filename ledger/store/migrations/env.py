"""Runs migrations on the connection that ``ledger.store.migrate`` opened, inside its transaction."""

from alembic import context

from ledger.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=context.config.attributes.get("batch", True),
)
with context.begin_transaction():
    context.run_migrations()
