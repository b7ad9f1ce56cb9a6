"""Evaluations whose questions are sent along with their run, as on Databricks: the run, and what may lie there still.

Revision ID: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Add the columns; every evaluation so far ran where it asked for its questions."""
    op.add_column("model_evaluations", sa.Column("base_model", sa.Text()))
    op.add_column("model_evaluations", sa.Column("backend_run_id", sa.Text()))
    op.add_column("model_evaluations", sa.Column("staged_at", sa.DateTime(timezone=True)))
    op.add_column("model_evaluations", sa.Column("missing_since", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_model_evaluations_staged",
        "model_evaluations",
        ["staged_at"],
        postgresql_where=sa.text("staged_at IS NOT NULL"),
    )
