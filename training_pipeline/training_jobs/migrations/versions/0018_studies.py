"""Studies and their trials: what is searched, which training job tries which configuration, and what came of it.

Revision ID: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0018"
down_revision = "0017"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add both tables, empty."""
    op.create_table(
        "studies",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("request", JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("why", sa.Text(), nullable=False, server_default=""),
        sa.Column("message", sa.Text(), nullable=False, server_default=""),
        sa.Column("cancels", sa.Boolean(), nullable=False, server_default="false"),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("split_predecessor", sa.Text()),
        sa.Column("dataset_digest", sa.Text()),
        sa.Column("estimate", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_studies")),
        sa.ForeignKeyConstraint(
            ["split_predecessor"], ["training_jobs.id"], name=op.f("fk_studies_split_predecessor_training_jobs")
        ),
        sa.CheckConstraint(
            "status IN ('running', 'ending', 'finished', 'stopped', 'failed')", name=op.f("ck_studies_status")
        ),
    )
    op.create_index("ix_studies_created_at", "studies", ["created_at"])
    op.create_index("ix_studies_live", "studies", ["name"], postgresql_where=sa.text("status IN ('running', 'ending')"))
    op.create_table(
        "study_trials",
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("params", JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text()),
        sa.Column("value", sa.Double()),
        sa.Column("judged", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("pruned_at", sa.Integer()),
        sa.Column("cause", sa.Text()),
        sa.Column("message", sa.Text(), nullable=False, server_default=""),
        sa.Column("estimated_seconds", sa.Double()),
        sa.Column("estimated_cost", sa.Double()),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("promoted_job_id", sa.Text()),
        sa.PrimaryKeyConstraint("study", "number", name=op.f("pk_study_trials")),
        sa.ForeignKeyConstraint(["study"], ["studies.name"], name=op.f("fk_study_trials_study_studies")),
        sa.ForeignKeyConstraint(["job_id"], ["training_jobs.id"], name=op.f("fk_study_trials_job_id_training_jobs")),
        sa.ForeignKeyConstraint(
            ["promoted_job_id"], ["training_jobs.id"], name=op.f("fk_study_trials_promoted_job_id_training_jobs")
        ),
        sa.CheckConstraint(
            "status IN ('asked', 'running', 'succeeded', 'pruned', 'failed', 'cancelled')",
            name=op.f("ck_study_trials_status"),
        ),
    )
    op.create_index("ix_study_trials_job_id", "study_trials", ["job_id"], unique=True)
