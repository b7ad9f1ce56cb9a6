"""Revocations, the models they taint, decisions about those, and the role of stewards.

Revision ID: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"

_NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    """Create the tables and the column, and let tokens be of stewards."""
    op.create_table(
        "revocations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("training_sheet_id", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("pairs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.CheckConstraint("kind IN ('pair', 'item', 'label', 'row_hash', 'rows')", name=op.f("ck_revocations_kind")),
        sa.CheckConstraint(
            "source IN ('by_hand', 'lost_permission', 'relabelled', 'vanished')", name=op.f("ck_revocations_source")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revocations")),
    )
    op.create_index("ix_revocations_identity", "revocations", ["identity"], unique=True)
    op.create_index("ix_revocations_number", "revocations", ["number"], unique=True)
    op.create_table(
        "revoked_rows",
        sa.Column("training_sheet_id", sa.Text(), nullable=False),
        sa.Column("pair_id", sa.Text(), nullable=False),
        sa.Column("row_hash", sa.Text(), nullable=False),
        sa.Column("validation_only", sa.Boolean(), nullable=False),
        sa.Column("revocation_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["revocation_id"], ["revocations.id"], name=op.f("fk_revoked_rows_revocation_id")),
        sa.PrimaryKeyConstraint(
            "training_sheet_id", "pair_id", "row_hash", "validation_only", name=op.f("pk_revoked_rows")
        ),
    )
    op.create_index("ix_revoked_rows_revocation_id", "revoked_rows", ["revocation_id"])
    op.create_table(
        "taints",
        sa.Column("revocation_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("train", sa.Integer(), nullable=False),
        sa.Column("validation", sa.Integer(), nullable=False),
        sa.Column("inherited_from", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("tagged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("after", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["training_jobs.id"], name=op.f("fk_taints_job_id")),
        sa.ForeignKeyConstraint(["revocation_id"], ["revocations.id"], name=op.f("fk_taints_revocation_id")),
        sa.PrimaryKeyConstraint("revocation_id", "job_id", name=op.f("pk_taints")),
    )
    op.create_index("ix_taints_job_id", "taints", ["job_id"])
    op.create_index(
        "ix_taints_told",
        "taints",
        ["created_at"],
        postgresql_where=sa.text("tagged_at IS NULL OR checked_at IS NULL"),
    )
    op.create_table(
        "watched_sheets",
        sa.Column("training_sheet_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("training_sheet_id", name=op.f("pk_watched_sheets")),
    )
    op.create_table(
        "decisions",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("revocation_ids", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "decision IN ('retrain', 'withdraw', 'suppress', 'unlearn', 'accept_risk')",
            name=op.f("ck_decisions_decision"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["training_jobs.id"], name=op.f("fk_decisions_job_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_model_name_model_version", "decisions", ["model_name", "model_version"])
    op.add_column("training_jobs", sa.Column("tainted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_training_jobs_tainted",
        "training_jobs",
        ["created_at", "id"],
        postgresql_where=sa.text("tainted_at IS NOT NULL"),
    )
    op.drop_constraint("ck_api_tokens_role", "api_tokens", type_="check")
    op.create_check_constraint(
        op.f("ck_api_tokens_role"), "api_tokens", "role IN ('viewer', 'operator', 'steward', 'admin')"
    )
