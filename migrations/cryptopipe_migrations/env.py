"""Runs the revisions on the connection that the caller has opened (`config.attributes["connection"]`)."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
