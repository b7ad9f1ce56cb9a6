"""The suite that a decision about an alias rests on: who approves it approves that, too.

Revision ID: 0031
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Add the column, filled from the evaluations that the decisions of before rest on."""
    op.add_column("promotions", sa.Column("suite", sa.Text(), nullable=True))
    op.execute("UPDATE promotions SET suite = e.suite_name FROM model_evaluations AS e WHERE e.id = evaluation_id")
