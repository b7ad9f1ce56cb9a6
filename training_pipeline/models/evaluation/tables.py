"""The tables of evaluation suites and evaluations. Every change here needs a migration; a test compares the two."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Table, Text, text
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

model_evaluations = Table(
    "model_evaluations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model_name", Text, nullable=False),
    # Empty for a model that is not registered: that of a study's trial.
    Column("model_version", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    # Over the files of the model, as they were registered.
    Column("model_digest", Text, nullable=False),
    Column("suite_name", Text, nullable=False),
    Column("suite_digest", Text, nullable=False),
    # `choosing` or `held_back`; null for all pairs of the suite.
    Column("half", Text),
    Column("champion_version", Text),
    Column("status", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    # What the backend is to do, a `backends.evaluating.EvaluationOrder`.
    Column("asked_models", JSONB, nullable=False),
    Column("counts", JSONB, nullable=False),
    Column("message", Text, nullable=False, server_default=""),
    Column("error", Text),
    # Null until it has succeeded: where the scores are, and what they come to.
    Column("scores", JSONB),
    Column("figures", JSONB),
    # A `judges.Judging`, with its results; null for none.
    Column("judge", JSONB),
    # What all models come from; null for what was asked by an earlier release.
    Column("base_model", Text),
    # Of a backend whose runs are sent their questions: the run, since when these may lie there, until they are known to
    # be gone, and since when the backend does not know the run.
    Column("backend_run_id", Text),
    Column("staged_at", DateTime(timezone=True)),
    Column("missing_since", DateTime(timezone=True)),
    # When MLflow was told the figures.
    Column("logged_at", DateTime(timezone=True)),
    Index("ix_model_evaluations_model_name_model_version", "model_name", "model_version"),
    Index(
        "ix_model_evaluations_unlogged",
        "created_at",
        postgresql_where=text("status = 'succeeded' AND logged_at IS NULL"),
    ),
    Index(
        "ix_model_evaluations_staged",
        "staged_at",
        postgresql_where=text("staged_at IS NOT NULL"),
    ),
    # One at a time of a version on a suite.
    Index(
        "ix_model_evaluations_active",
        "model_name",
        "model_version",
        "suite_digest",
        unique=True,
        postgresql_where=text("status IN ('queued', 'running')"),
    ),
)
