"""Promotions that wait for another person, evaluations that MLflow has heard of, and those that a sheet asks for.

Revision ID: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the columns. The evaluations of the last week are told to MLflow at the next look."""
    op.add_column("promotions", sa.Column("waits", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("promotions", sa.Column("approves", sa.BigInteger()))
    op.add_column("model_evaluations", sa.Column("logged_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_model_evaluations_unlogged",
        "model_evaluations",
        ["created_at"],
        postgresql_where=sa.text("status = 'succeeded' AND logged_at IS NULL"),
    )
    op.create_index(
        "ix_training_jobs_evaluate_on",
        "training_jobs",
        ["completed_at"],
        postgresql_where=sa.text("sheet -> 'sheet' ->> 'evaluate_on' <> ''"),
    )
