"""Runs the migrations inside the transaction of whoever opens the store; Alembic loads this file."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
)
context.run_migrations()
