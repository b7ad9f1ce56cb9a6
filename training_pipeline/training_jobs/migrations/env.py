"""What Alembic runs: our migrations, on the connection that `training_pipeline.infra.migrations` hands over."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table_schema="training")
with context.begin_transaction():
    context.run_migrations()
