"""Runs the revisions on the connection that the caller has opened.

Enters: `config.attributes["connection"]`. Leaves: its tables at the newest revision. Never: a connection of its own.
"""

from importlib import import_module

from alembic import context

connection = context.config.attributes["connection"]
if connection.dialect.name == "duckdb":
    import_module("duckdb_sqlalchemy.alembic_impl")  # registers itself, else only if alembic was imported before it

context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
