"""What the machine did while a job trained.

Revision ID: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "training_job_samples",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cpu_percent", sa.Double()),
        sa.Column("training_cpu_percent", sa.Double()),
        sa.Column("memory_available_mb", sa.Double()),
        sa.Column("training_memory_mb", sa.Double()),
        sa.Column("gpu_percent", sa.Double()),
        sa.Column("gpu_memory_available_mb", sa.Double()),
        sa.Column("training_gpu_memory_mb", sa.Double()),
        sa.Column("disk_available_mb", sa.Double()),
        sa.Column("training_disk_mb", sa.Double()),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["training_jobs.id"], name=op.f("fk_training_job_samples_job_id")),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_training_job_samples")),
    )
