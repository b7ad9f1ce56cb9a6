"""Serving endpoints that were found in a workspace, beside those that people recorded; notes and tags on jobs.

Revision ID: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0023"


def upgrade() -> None:
    """Add the columns, and when a workspace was looked at. What people recorded stays as it is."""
    op.alter_column("model_endpoints", "added_by", existing_type=sa.Text(), nullable=True)
    op.add_column("model_endpoints", sa.Column("workspace", sa.Text(), nullable=True))
    op.create_table(
        "endpoint_looks",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace", name=op.f("pk_endpoint_looks")),
    )
    op.add_column("training_jobs", sa.Column("note", sa.Text(), nullable=False, server_default=""))
    op.add_column("training_jobs", sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"))
    op.create_index("ix_training_jobs_tags", "training_jobs", ["tags"], postgresql_using="gin")
