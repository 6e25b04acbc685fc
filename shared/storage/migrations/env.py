"""Run by Alembic: brings one database to the newest revision over a connection that it is given."""

from typing import Any

from alembic import context

from shared.storage.tables.partial_indexes import metadata

connection: Any = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
