"""The table of alerts, as SQLAlchemy Core."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Index, Integer, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB

from training_pipeline.training_jobs.store.tables import metadata

alerts = Table(
    "alerts",
    metadata,
    # Identifies the cause: the same one is never told twice.
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("job_id", Text, ForeignKey("training_jobs.id")),
    Column("links", JSONB, nullable=False),
    Column("noticed_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    # target -> when it was told
    Column("sent", JSONB, nullable=False, server_default="{}"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("after", DateTime(timezone=True)),
    Column("done_at", DateTime(timezone=True)),
    Index("ix_alerts_job_id", "job_id"),
    Index("ix_alerts_noticed_at", "noticed_at", postgresql_where=text("done_at IS NULL")),
)
