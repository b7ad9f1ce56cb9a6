"""What a training was made with, and the commit that a base model's name meant when the job was created.

Revision ID: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns; for jobs of before neither is recorded."""
    op.add_column("training_job_lineage", sa.Column("recipe", postgresql.JSONB(), nullable=True))
    op.add_column("training_jobs", sa.Column("base_model_revision", sa.Text(), nullable=True))
