"""The tables of who may use the API and its pages, as SQLAlchemy Core."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, Index, Table, Text, func

from training_pipeline.domain.access import Role
from training_pipeline.training_jobs.store.tables import metadata

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    # Who bears it: the actor of what is done with it. One name may have several, as while one replaces another.
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    # SHA-256 (hex) of its text, which is stored nowhere.
    Column("digest", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("created_by", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("last_used_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("revoked_by", Text),
    CheckConstraint(f"role IN ({', '.join(repr(str(role)) for role in Role)})", name="role"),
)

page_sessions = Table(
    "page_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token_id", Text, ForeignKey("api_tokens.id"), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Index("ix_page_sessions_created_at", "created_at"),
)
