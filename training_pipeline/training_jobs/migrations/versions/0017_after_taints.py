"""Retrains of tainted versions without the withdrawn rows, and when the aliases of a model were looked at.

Revision ID: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add the tables, empty: proposals for versions that are tainted already are made when somebody asks."""
    op.create_table(
        "retrain_proposals",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("request", JSONB(), nullable=False),
        sa.Column("train", sa.Integer()),
        sa.Column("validation", sa.Integer()),
        sa.Column("tainted_base", sa.Text()),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")
        ),
        sa.Column("launched_job_id", sa.Text()),
        sa.Column("launched_by", sa.Text()),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_retrain_proposals")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["training_jobs.id"], name=op.f("fk_retrain_proposals_job_id_training_jobs")
        ),
        sa.ForeignKeyConstraint(
            ["launched_job_id"], ["training_jobs.id"], name=op.f("fk_retrain_proposals_launched_job_id_training_jobs")
        ),
    )
    op.create_index(
        "ix_retrain_proposals_model_name_model_version", "retrain_proposals", ["model_name", "model_version"]
    )
    op.create_table(
        "alias_looks",
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("model_name", name=op.f("pk_alias_looks")),
    )
