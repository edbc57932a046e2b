"""Runs the revisions on the connection that portico.platform.migrate has opened and locked."""

from alembic import context

from portico.platform.db import metadata

connection = context.config.attributes["connection"]
# SQLite cannot alter most things in place; a batch rebuilds the table instead.
context.configure(connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite")
with context.begin_transaction():
    context.run_migrations()
