"""What alembic runs: our own connection and transaction, given by memory/migrate.py."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
