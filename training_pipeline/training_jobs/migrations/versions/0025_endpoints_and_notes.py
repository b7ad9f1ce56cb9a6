"""Serving endpoints that were found in a workspace, beside those that people recorded.

Revision ID: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0020"


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
