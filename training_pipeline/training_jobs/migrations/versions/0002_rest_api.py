"""Keys of requests that may be repeated, and indexes that answer the list of jobs by themselves.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

FILTERS = ("status", "training_sheet_id", "created_by")
LISTINGS = (
    ("created_at", "id"),
    ("status", "created_at", "id"),
    ("training_sheet_id", "created_at", "id"),
    ("created_by", "created_at", "id"),
)


def upgrade() -> None:
    """Create the table, and the indexes anew with the columns that lists are filtered by."""
    op.create_table(
        "idempotency_keys",
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("response_status", sa.Integer(), nullable=False),
        sa.Column("response_body", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("who", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    for columns in LISTINGS:
        name = f"ix_training_jobs_{'_'.join(columns)}"
        op.drop_index(name, "training_jobs")
        op.create_index(
            name, "training_jobs", list(columns), postgresql_include=[c for c in FILTERS if c not in columns]
        )
