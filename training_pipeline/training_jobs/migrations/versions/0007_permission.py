"""Whether pairs may still be trained on, and attempts that do not count.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns; jobs of before were not asked about."""
    for phase in ("launch", "finalize"):
        op.add_column(
            "training_jobs", sa.Column(f"{phase}_uncounted", sa.Integer(), nullable=False, server_default="0")
        )
    op.add_column("training_jobs", sa.Column("permission_version", sa.Text(), nullable=True))
    op.add_column("training_jobs", sa.Column("permission_asked_at", sa.DateTime(timezone=True), nullable=True))
