"""The tables of studies and their trials. Every change here needs a migration; a test compares the two."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, Double, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from training_pipeline.domain.study import StudyStatus, TrialStatus
from training_pipeline.training_jobs.store.tables import metadata

studies = Table(
    "studies",
    metadata,
    Column("name", Text, primary_key=True),
    # A `domain.study.StudyRequest`.
    Column("request", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    # What it ends as, and why; null while it runs.
    Column("outcome", Text),
    Column("why", Text, nullable=False, server_default=""),
    Column("message", Text, nullable=False, server_default=""),
    Column("cancels", Boolean, nullable=False, server_default="false"),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("split_predecessor", Text, ForeignKey("training_jobs.id")),
    Column("dataset_digest", Text),
    # A `domain.estimate.Estimate`, of one trial.
    Column("estimate", JSONB, nullable=False),
    # A list of `domain.study.StudyBaseModel`.
    Column("base_models", JSONB, nullable=False, server_default="[]"),
    CheckConstraint(f"status IN ({', '.join(repr(str(status)) for status in StudyStatus)})", name="status"),
    Index("ix_studies_created_at", "created_at"),
    Index("ix_studies_live", "name", postgresql_where=text("status IN ('running', 'ending')")),
)

study_trials = Table(
    "study_trials",
    metadata,
    Column("study", Text, ForeignKey("studies.name"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("params", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    # Set in the transaction that stores the job, so that no trial has two.
    Column("job_id", Text, ForeignKey("training_jobs.id")),
    Column("value", Double),
    # Evaluations that the pruner has judged, and the one after which it told the trial to stop.
    Column("judged", Integer, nullable=False, server_default="0"),
    Column("pruned_at", Integer),
    Column("cause", Text),
    Column("message", Text, nullable=False, server_default=""),
    Column("estimated_seconds", Double),
    Column("estimated_cost", Double),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("promoted_job_id", Text, ForeignKey("training_jobs.id")),
    CheckConstraint(f"status IN ({', '.join(repr(str(status)) for status in TrialStatus)})", name="status"),
    Index("ix_study_trials_job_id", "job_id", unique=True),
)
