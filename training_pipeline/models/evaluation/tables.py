"""The table of evaluation suites. Every change here needs a migration; a test compares the two."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from training_pipeline.training_jobs.store.tables import metadata

evaluation_suites = Table(
    "evaluation_suites",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    # A `suite.Suite`: where it is stored, and what it has of each sheet.
    Column("suite", JSONB, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
