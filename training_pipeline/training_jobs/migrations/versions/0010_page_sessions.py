"""Sessions of pages, so that logging out ends one on the server.

Revision ID: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the table. Whoever is logged in has to log in again."""
    op.create_table(
        "page_sessions",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("token_id", sa.Text(), sa.ForeignKey("api_tokens.id"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.clock_timestamp()),
    )
    op.create_index("ix_page_sessions_created_at", "page_sessions", ["created_at"])
