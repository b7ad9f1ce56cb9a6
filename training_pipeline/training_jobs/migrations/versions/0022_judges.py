"""The judge of an evaluation.

Revision ID: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the column; null for the evaluations so far, which had none."""
    op.add_column("model_evaluations", sa.Column("judge", JSONB()))
