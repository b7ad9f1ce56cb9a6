"""The four tables of a training job.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "training_jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("training_sheet_id", sa.Text(), nullable=False),
        sa.Column("training_sheet_name", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("base_model", sa.Text(), nullable=False),
        sa.Column("requested_config", postgresql.JSONB(), nullable=False),
        sa.Column("training_config", postgresql.JSONB(), nullable=False),
        sa.Column("train_val_split", sa.Double(), nullable=False),
        sa.Column("split_seed", sa.Text(), nullable=False),
        sa.Column("register_to_uc", sa.Boolean(), nullable=False),
        sa.Column("uc_catalog", sa.Text(), nullable=True),
        sa.Column("uc_schema", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("retry_of", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("progress_percent", sa.Double(), server_default="0", nullable=False),
        sa.Column("current_step", sa.Integer(), nullable=True),
        sa.Column("planned_steps", sa.Integer(), nullable=True),
        sa.Column("current_epoch", sa.Double(), nullable=True),
        sa.Column("total_epochs", sa.Double(), nullable=True),
        sa.Column("eta_seconds", sa.Double(), nullable=True),
        sa.Column("train_loss", sa.Double(), nullable=True),
        sa.Column("val_loss", sa.Double(), nullable=True),
        sa.Column("train_accuracy", sa.Double(), nullable=True),
        sa.Column("val_accuracy", sa.Double(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_details", postgresql.JSONB(), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_by", sa.Text(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("total_pairs", sa.Integer(), nullable=True),
        sa.Column("eligible_pairs", sa.Integer(), nullable=True),
        sa.Column("excluded_counts", postgresql.JSONB(), nullable=True),
        sa.Column("train_pairs", sa.Integer(), nullable=True),
        sa.Column("val_pairs", sa.Integer(), nullable=True),
        sa.Column("achieved_ratio", sa.Double(), nullable=True),
        sa.Column("dataset_digest", sa.Text(), nullable=True),
        sa.Column("sheet", postgresql.JSONB(), nullable=True),
        sa.Column("snapshot", postgresql.JSONB(), nullable=True),
        sa.Column("dataset", postgresql.JSONB(), nullable=True),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("backend_job_id", sa.Text(), nullable=True),
        sa.Column("backend_run_id", sa.Text(), nullable=True),
        sa.Column("backend_status", sa.Text(), nullable=True),
        sa.Column("submit_intended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metrics_offset", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("mlflow_offset", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("mlflow_experiment_id", sa.Text(), nullable=True),
        sa.Column("mlflow_run_id", sa.Text(), nullable=True),
        sa.Column("uc_model_name", sa.Text(), nullable=True),
        sa.Column("uc_model_version", sa.Text(), nullable=True),
        sa.Column("tokens_processed", sa.BigInteger(), nullable=True),
        sa.Column("cost_dbu", sa.Double(), nullable=True),
        sa.Column("custom_metrics", postgresql.JSONB(), nullable=True),
        sa.Column("launch_attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("launch_claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("launch_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("launched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("launch_run_id", sa.Text(), nullable=True),
        sa.Column("finalize_attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("finalize_claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finalize_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finalized_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finalize_run_id", sa.Text(), nullable=True),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("poll_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("poll_errors", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lost_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reported_progress", sa.Double(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'timeout')",
            name=op.f("ck_training_jobs_status"),
        ),
        sa.ForeignKeyConstraint(["retry_of"], ["training_jobs.id"], name=op.f("fk_training_jobs_retry_of")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_jobs")),
    )
    op.create_index("ix_training_jobs_created_at_id", "training_jobs", ["created_at", "id"])
    op.create_index("ix_training_jobs_created_by_created_at_id", "training_jobs", ["created_by", "created_at", "id"])
    op.create_index("ix_training_jobs_status_created_at_id", "training_jobs", ["status", "created_at", "id"])
    op.create_index(
        "ix_training_jobs_training_sheet_id_created_at_id", "training_jobs", ["training_sheet_id", "created_at", "id"]
    )
    op.create_table(
        "training_job_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("old_status", sa.Text(), nullable=True),
        sa.Column("new_status", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "type IN ('status_change', 'progress_update', 'metric_update', 'error', 'info')",
            name=op.f("ck_training_job_events_type"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["training_jobs.id"], name=op.f("fk_training_job_events_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_job_events")),
    )
    op.create_index("ix_training_job_events_job_id_id", "training_job_events", ["job_id", "id"])
    op.create_table(
        "training_job_lineage",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("training_sheet_id", sa.Text(), nullable=False),
        sa.Column("training_sheet_name", sa.Text(), nullable=False),
        sa.Column("training_sheet_digest", sa.Text(), nullable=False),
        sa.Column("sheet_id", sa.Text(), nullable=False),
        sa.Column("sheet_name", sa.Text(), nullable=False),
        sa.Column("sheet_version", sa.Text(), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("template_name", sa.Text(), nullable=False),
        sa.Column("template_version", sa.Text(), nullable=False),
        sa.Column("gate_policy_version", sa.Text(), nullable=False),
        sa.Column("snapshot_digest", sa.Text(), nullable=False),
        sa.Column("dataset_digest", sa.Text(), nullable=False),
        sa.Column("dataset_path", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("model_files", postgresql.JSONB(), nullable=True),
        sa.Column("assets", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["training_jobs.id"], name=op.f("fk_training_job_lineage_job_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_training_job_lineage")),
    )
    op.create_table(
        "training_job_metrics",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("train_loss", sa.Double(), nullable=True),
        sa.Column("val_loss", sa.Double(), nullable=True),
        sa.Column("train_accuracy", sa.Double(), nullable=True),
        sa.Column("val_accuracy", sa.Double(), nullable=True),
        sa.Column("learning_rate", sa.Double(), nullable=True),
        sa.Column("grad_norm", sa.Double(), nullable=True),
        sa.Column("epoch", sa.Double(), nullable=True),
        sa.Column("tokens", sa.BigInteger(), nullable=True),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["training_jobs.id"], name=op.f("fk_training_job_metrics_job_id")),
        sa.PrimaryKeyConstraint("job_id", "step", name=op.f("pk_training_job_metrics")),
    )
