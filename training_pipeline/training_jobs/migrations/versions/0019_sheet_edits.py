"""The log of edits to the pairs of training sheets.

Revision ID: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the tables, empty."""
    op.create_table(
        "sheet_edits",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("training_sheet_id", sa.Text(), nullable=False),
        sa.Column("old_digest", sa.Text(), nullable=False),
        sa.Column("new_digest", sa.Text(), nullable=False),
        sa.Column("old_file", sa.Text(), nullable=False),
        sa.Column("new_file", sa.Text(), nullable=False),
        sa.Column("undoes", sa.BigInteger()),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sheet_edits")),
        sa.ForeignKeyConstraint(["undoes"], ["sheet_edits.number"], name=op.f("fk_sheet_edits_undoes_sheet_edits")),
        sa.CheckConstraint("state IN ('intended', 'applied', 'abandoned')", name=op.f("ck_sheet_edits_state")),
    )
    op.create_index("ix_sheet_edits_training_sheet_id_number", "sheet_edits", ["training_sheet_id", "number"])
    op.create_table(
        "sheet_edit_pairs",
        sa.Column("edit_number", sa.BigInteger(), nullable=False),
        sa.Column("pair_id", sa.Text(), nullable=False),
        sa.Column("before", JSONB(), nullable=False),
        sa.Column("after", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("edit_number", "pair_id", name=op.f("pk_sheet_edit_pairs")),
        sa.ForeignKeyConstraint(
            ["edit_number"], ["sheet_edits.number"], name=op.f("fk_sheet_edit_pairs_edit_number_sheet_edits")
        ),
    )
    op.create_index("ix_sheet_edit_pairs_pair_id", "sheet_edit_pairs", ["pair_id"])
