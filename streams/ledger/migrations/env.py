"""Alembic's entry: runs the migrations on the connection that `streams.ledger.migrate` hands over."""

from alembic import context

from streams.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
