"""The page of a job's run, where its backend has pages.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; jobs of before have no page."""
    op.add_column("training_jobs", sa.Column("backend_run_url", sa.Text(), nullable=True))
