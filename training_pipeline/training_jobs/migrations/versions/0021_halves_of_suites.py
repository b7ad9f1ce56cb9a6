"""Evaluations on a half of a suite: of the trials of a study that a suite chooses among.

Revision ID: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the column; every evaluation so far was on all pairs of its suite."""
    op.add_column("model_evaluations", sa.Column("half", sa.Text()))
