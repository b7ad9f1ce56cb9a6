"""What the base models of a study are, and the digest that the folder of a job's base model must have.

Revision ID: 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Add the columns. Studies of before name no base model: each of their trials found out what it is."""
    op.add_column(
        "studies", sa.Column("base_models", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)
    )
    op.add_column("training_jobs", sa.Column("base_model_digest", sa.Text(), nullable=True))
