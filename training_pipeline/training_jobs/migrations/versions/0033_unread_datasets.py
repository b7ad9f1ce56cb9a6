"""The datasets of which nobody could say whether they hold what was revoked.

Revision ID: 0033
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Create the table. Revocations of before were not recorded where nobody could say."""
    op.create_table(
        "unread_datasets",
        sa.Column("revocation_id", sa.Text(), nullable=False),
        sa.Column("training_sheet_id", sa.Text(), nullable=False),
        sa.Column("dataset_digest", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column(
            "noticed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")
        ),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["revocation_id"], ["revocations.id"], name=op.f("fk_unread_datasets_revocation_id")),
        sa.PrimaryKeyConstraint(
            "revocation_id", "training_sheet_id", "dataset_digest", name=op.f("pk_unread_datasets")
        ),
    )
    op.create_index(
        op.f("ix_unread_datasets_open"),
        "unread_datasets",
        ["revocation_id"],
        postgresql_where=sa.text("read_at IS NULL"),
    )
