"""The index of uses: which rows of which sheet stand in which dataset.

Revision ID: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_KEYS = ("pair_key", "row_key", "question_key", "item_key", "label_key")


def upgrade() -> None:
    """Add the tables, empty: `training-pipeline index rebuild --missing` adds the datasets of before."""
    op.create_table(
        "use_sheets",
        sa.Column("sheet_no", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("training_sheet_id", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("slots", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("sheet_no", name=op.f("pk_use_sheets")),
    )
    op.create_index("ix_use_sheets_training_sheet_id", "use_sheets", ["training_sheet_id"], unique=True)
    op.create_table(
        "use_datasets",
        sa.Column("sheet_no", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("manifest_sha256", sa.Text(), nullable=False),
        sa.Column("has_questions", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("sheet_no", "slot", name=op.f("pk_use_datasets")),
    )
    op.create_index("ix_use_datasets_digest_sheet_no", "use_datasets", ["digest", "sheet_no"], unique=True)
    op.create_table(
        "use_rows",
        sa.Column("sheet_no", sa.Integer(), nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.Column("identity_high", sa.BigInteger(), nullable=False),
        sa.Column("identity_low", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in _KEYS),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sheet_no", "row_no", name=op.f("pk_use_rows")),
    )
    for name in _KEYS:
        op.create_index(f"ix_use_rows_{name}", "use_rows", [name])
    op.create_table(
        "use_questions",
        sa.Column("question_key", sa.BigInteger(), nullable=False),
        sa.Column("sheet_no", sa.Integer(), nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("question_key", "sheet_no", "row_no", name=op.f("pk_use_questions")),
    )
    op.create_table(
        "use_verdicts",
        sa.Column("sheet_no", sa.Integer(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sheet_no", "chunk", "block", name=op.f("pk_use_verdicts")),
    )
    # Neither compressed nor in the row: a few bytes of it are read at a time.
    op.execute("ALTER TABLE use_verdicts ALTER COLUMN cells SET STORAGE EXTERNAL")
    # Each dataset of a sheet writes its blocks anew: what they were is cleared away before it is as much again.
    op.execute(
        "ALTER TABLE use_verdicts SET"
        " (autovacuum_vacuum_scale_factor = 0.1, toast.autovacuum_vacuum_scale_factor = 0.1)"
    )
    op.create_index("ix_training_jobs_dataset_digest", "training_jobs", ["dataset_digest", "training_sheet_id"])
    op.create_index("ix_training_job_lineage_template_id", "training_job_lineage", ["template_id"])
    op.create_index("ix_training_job_lineage_sheet_id", "training_job_lineage", ["sheet_id"])
    op.create_index(
        "ix_training_job_lineage_job_id_descends",
        "training_job_lineage",
        ["job_id"],
        postgresql_where=sa.text("base_model @? 'strict $.\"ancestors\"[0]'"),
    )
