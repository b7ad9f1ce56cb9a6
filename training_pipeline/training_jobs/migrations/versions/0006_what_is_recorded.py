"""Whether pairs may still be trained on, attempts that do not count, and where a base model came from.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns; jobs of before were not asked about, and their base models are not recorded."""
    for phase in ("launch", "finalize"):
        op.add_column(
            "training_jobs", sa.Column(f"{phase}_uncounted", sa.Integer(), nullable=False, server_default="0")
        )
    op.add_column("training_jobs", sa.Column("permission_version", sa.Text(), nullable=True))
    op.add_column("training_jobs", sa.Column("permission_asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("training_job_lineage", sa.Column("base_model", postgresql.JSONB(), nullable=True))
