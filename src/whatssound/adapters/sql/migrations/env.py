"""Alembic runs this to migrate: on the connection that `upgrade` gives, inside its transaction."""

from alembic import context

from whatssound.adapters.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
