"""What exactly the base model was, in the lineage record.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; for jobs of before it is not recorded."""
    op.add_column("training_job_lineage", sa.Column("base_model", postgresql.JSONB(), nullable=True))
