"""Which installation the database belongs to.

Revision ID: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the table, of one row at most; the first installation that starts on the database becomes its owner."""
    op.create_table(
        "installation",
        sa.Column("the_only", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state_dir", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.CheckConstraint("the_only", name=op.f("ck_installation_the_only")),
        sa.PrimaryKeyConstraint("the_only", name=op.f("pk_installation")),
    )
