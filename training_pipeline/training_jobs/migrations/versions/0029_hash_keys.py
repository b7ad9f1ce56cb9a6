"""Keys of hashes, and which key the hashes of revoked rows and of indexed datasets are under.

Revision ID: 0029
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Add the table and the columns. Hashes of before are without a key, which null says."""
    op.create_table(
        "hash_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("training_sheet_id", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("destroyed_by", sa.Text(), nullable=True),
        sa.Column("revocation_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hash_keys")),
    )
    op.create_index(
        "ix_hash_keys_training_sheet_id",
        "hash_keys",
        ["training_sheet_id"],
        unique=True,
        postgresql_where=sa.text("destroyed_at IS NULL"),
    )
    op.add_column("revoked_rows", sa.Column("hash_key", sa.Text(), nullable=True))
    op.add_column("use_datasets", sa.Column("hash_key", sa.Text(), nullable=True))
