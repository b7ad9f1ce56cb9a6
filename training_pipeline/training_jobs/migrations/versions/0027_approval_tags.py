"""When a promoted version was tagged as approved for deployment.

Revision ID: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0025"


def upgrade() -> None:
    """Add the column. Promotions of before count as not tagged; those of the last days are, where a tag is set."""
    op.add_column("promotions", sa.Column("approval_tagged_at", sa.DateTime(timezone=True), nullable=True))
