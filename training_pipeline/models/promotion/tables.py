"""The table of promotions: every decision of a gate, and every move of an alias. A change here needs a migration."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from training_pipeline.training_jobs.store.tables import metadata

promotions = Table(
    "promotions",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    # `promote` or `roll_back`.
    Column("kind", Text, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("alias", Text, nullable=False),
    # Null where a roll back leaves the alias on no version.
    Column("model_version", Text),
    Column("previous_version", Text),
    Column("evaluation_id", Text),
    # Of that evaluation, or the one that was asked for where there is none; null for a roll back.
    Column("suite", Text),
    Column("gate", JSONB),
    # A `gate.Decision`; null for a roll back.
    Column("decision", JSONB),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False),
    # Whether the gate lets it, and somebody else must approve it before the alias is moved.
    Column("waits", Boolean, nullable=False, server_default="false"),
    # The number of the decision of somebody else that this one approves.
    Column("approves", BigInteger),
    # Null where the alias was not moved: the gate did not let it, it waits, or the registry could not.
    Column("moved_at", DateTime(timezone=True)),
    # When the version was tagged as approved for deployment, where a tag is set.
    Column("approval_tagged_at", DateTime(timezone=True)),
    Index("ix_promotions_model_name_alias", "model_name", "alias"),
)
