"""The job whose split a job keeps.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns; jobs of before split without a predecessor."""
    op.add_column("training_jobs", sa.Column("split_predecessor", sa.Text(), nullable=True))
    op.add_column("training_jobs", sa.Column("fresh_split", sa.Boolean(), server_default="false", nullable=False))
    op.create_foreign_key(
        op.f("fk_training_jobs_split_predecessor"),
        "training_jobs",
        "training_jobs",
        ["split_predecessor"],
        ["id"],
    )
