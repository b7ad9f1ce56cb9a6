"""The tables of training jobs, as SQLAlchemy Core, and the metadata that all tables share.

No schema is named: the connection's search path decides. Every change here needs a migration; a test compares the two.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from training_pipeline.domain.job import JobStatus

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


#: Which lineage records are of a job whose base model is a model of ours.
DESCENDS = "base_model @? 'strict $.\"ancestors\"[0]'"
#: The jobs of the models that a lineage record `l` comes from, the nearest first; none where they are not known.
ANCESTORS = (
    "ARRAY(SELECT one #>> '{}' FROM jsonb_path_query(l.base_model, 'lax $.ancestors[*].job_id')"
    " WITH ORDINALITY AS ancestors (one, place) ORDER BY place)"
)
#: Which lineage records `l`, of jobs `j`, are of models on record: registered, or kept as an artifact of a job that did
#: not fail.
ON_RECORD = (
    "(l.model_version IS NOT NULL OR"
    " (jsonb_typeof(l.model_files) = 'object' AND j.status NOT IN ('failed', 'cancelled', 'timeout')))"
)


#: Which jobs are of a training sheet that names an evaluation suite.
NAMES_SUITE = "sheet -> 'sheet' ->> 'evaluate_on' <> ''"


def _time(name: str, *, required: bool = False) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=not required)


def _listing(*columns: str) -> Index:
    also = [name for name in ("status", "training_sheet_id", "created_by") if name not in columns]
    return Index(f"ix_training_jobs_{'_'.join(columns)}", *columns, postgresql_include=also)


training_jobs = Table(
    "training_jobs",
    metadata,
    Column("id", Text, primary_key=True),
    # What was asked for.
    Column("training_sheet_id", Text, nullable=False),
    Column("training_sheet_name", Text, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("base_model", Text, nullable=False),
    Column("base_model_revision", Text),
    # What the folder of its base model must be; null where it may be any.
    Column("base_model_digest", Text),
    Column("requested_config", JSONB, nullable=False),
    Column("training_config", JSONB, nullable=False),
    Column("train_val_split", Double, nullable=False),
    Column("split_seed", Text, nullable=False),
    Column("split_predecessor", Text, ForeignKey("training_jobs.id")),
    Column("fresh_split", Boolean, nullable=False, server_default="false"),
    Column("register_to_uc", Boolean, nullable=False),
    Column("uc_catalog", Text),
    Column("uc_schema", Text),
    Column("created_by", Text, nullable=False),
    # What people write on it, at any time.
    Column("note", Text, nullable=False, server_default=""),
    Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
    Column("retry_of", Text, ForeignKey("training_jobs.id")),
    Column("attempt", Integer, nullable=False),
    # Where it is in its life.
    Column("status", Text, nullable=False),
    Column("progress_percent", Double, nullable=False, server_default="0"),
    Column("current_step", Integer),
    Column("planned_steps", Integer),
    Column("current_epoch", Double),
    Column("total_epochs", Double),
    Column("eta_seconds", Double),
    Column("train_loss", Double),
    Column("val_loss", Double),
    Column("train_accuracy", Double),
    Column("val_accuracy", Double),
    Column("error_message", Text),
    Column("error_details", JSONB),
    _time("cancel_requested_at"),
    Column("cancel_requested_by", Text),
    Column("cancel_reason", Text),
    _time("created_at", required=True),
    _time("started_at"),
    _time("completed_at"),
    _time("updated_at", required=True),
    Column("duration_seconds", Double),
    # What it was trained on. `sheet`, `snapshot` and `dataset` are the references that the assets exchange.
    Column("total_pairs", Integer),
    Column("eligible_pairs", Integer),
    Column("excluded_counts", JSONB),
    Column("train_pairs", Integer),
    Column("val_pairs", Integer),
    Column("achieved_ratio", Double),
    Column("dataset_digest", Text),
    Column("sheet", JSONB),
    Column("snapshot", JSONB),
    Column("dataset", JSONB),
    # Who trains it, and what came of it.
    Column("backend", Text, nullable=False),
    Column("backend_job_id", Text),
    Column("backend_run_id", Text),
    Column("backend_run_url", Text),
    Column("backend_status", Text),
    _time("submit_intended_at"),
    Column("metrics_offset", BigInteger, nullable=False, server_default="0"),
    Column("mlflow_offset", BigInteger, nullable=False, server_default="0"),
    Column("mlflow_experiment_id", Text),
    Column("mlflow_run_id", Text),
    Column("uc_model_name", Text),
    Column("uc_model_version", Text),
    Column("tokens_processed", BigInteger),
    Column("cost_dbu", Double),
    Column("custom_metrics", JSONB),
    # Which Dagster runs work on it. A claim is a compare-and-set on the attempt's number.
    Column("launch_attempt", Integer, nullable=False, server_default="0"),
    Column("launch_uncounted", Integer, nullable=False, server_default="0"),
    _time("launch_claimed_at"),
    _time("launch_after"),
    _time("launched_at"),
    Column("launch_run_id", Text),
    Column("finalize_attempt", Integer, nullable=False, server_default="0"),
    Column("finalize_uncounted", Integer, nullable=False, server_default="0"),
    _time("finalize_claimed_at"),
    _time("finalize_after"),
    _time("finalized_at"),
    Column("finalize_run_id", Text),
    # What the poller remembers.
    _time("polled_at"),
    _time("poll_after"),
    Column("poll_errors", Integer, nullable=False, server_default="0"),
    _time("lost_since"),
    Column("reported_progress", Double, nullable=False, server_default="0"),
    # Whether its pairs may still be trained on: the sheet and policy that said so last.
    Column("permission_version", Text),
    _time("permission_asked_at"),
    # Since when its model is tainted: by the first of the revocations that say so.
    _time("tainted_at"),
    CheckConstraint(f"status IN ({', '.join(repr(str(status)) for status in JobStatus)})", name="status"),
    # Each holds every column that a list may be filtered by, so that counting and choosing a page reads no rows.
    _listing("created_at", "id"),
    Index("ix_training_jobs_tags", "tags", postgresql_using="gin"),
    _listing("status", "created_at", "id"),
    _listing("training_sheet_id", "created_at", "id"),
    _listing("created_by", "created_at", "id"),
    Index("ix_training_jobs_dataset_digest", "dataset_digest", "training_sheet_id"),
    Index("ix_training_jobs_evaluate_on", "completed_at", postgresql_where=text(NAMES_SUITE)),
    Index("ix_training_jobs_tainted", "created_at", "id", postgresql_where=text("tainted_at IS NOT NULL")),
)

#: How many jobs have each status, in rows that are to be summed up. Triggers write it, and nothing else does.
training_job_counts = Table(
    "training_job_counts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("status", Text, nullable=False),
    Column("jobs", BigInteger, nullable=False),
)

training_job_lineage = Table(
    "training_job_lineage",
    metadata,
    Column("job_id", Text, ForeignKey("training_jobs.id"), primary_key=True),
    Column("training_sheet_id", Text, nullable=False),
    Column("training_sheet_name", Text, nullable=False),
    Column("training_sheet_digest", Text, nullable=False),
    Column("sheet_id", Text, nullable=False),
    Column("sheet_name", Text, nullable=False),
    Column("sheet_version", Text, nullable=False),
    Column("template_id", Text, nullable=False),
    Column("template_name", Text, nullable=False),
    Column("template_version", Text, nullable=False),
    Column("gate_policy_version", Text, nullable=False),
    Column("snapshot_digest", Text, nullable=False),
    # Pair ids and canonical label ids stand in the dataset's manifest, found by its digest.
    Column("dataset_digest", Text, nullable=False),
    Column("dataset_path", Text, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text),
    Column("model_files", JSONB),
    # `BaseModelRecord`; null for jobs from before migration 0006
    Column("base_model", JSONB(none_as_null=True)),
    # `TrainingRecipe`; null until the model is trained, and for jobs from before migration 0009
    Column("recipe", JSONB(none_as_null=True)),
    # asset key -> {partition, run_id, storage_id, data_version}
    Column("assets", JSONB, nullable=False, server_default="{}"),
    _time("created_at", required=True),
    _time("updated_at", required=True),
    Index("ix_training_job_lineage_template_id", "template_id"),
    Index("ix_training_job_lineage_sheet_id", "sheet_id"),
    Index("ix_training_job_lineage_job_id_descends", "job_id", postgresql_where=text(DESCENDS)),
)

training_job_metrics = Table(
    "training_job_metrics",
    metadata,
    Column("job_id", Text, ForeignKey("training_jobs.id"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("train_loss", Double),
    Column("val_loss", Double),
    Column("train_accuracy", Double),
    Column("val_accuracy", Double),
    Column("learning_rate", Double),
    Column("grad_norm", Double),
    Column("epoch", Double),
    Column("tokens", BigInteger),
    _time("measured_at", required=True),
)

training_job_events = Table(
    "training_job_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("job_id", Text, ForeignKey("training_jobs.id"), nullable=False),
    Column("type", Text, nullable=False),
    Column("old_status", Text),
    Column("new_status", Text),
    Column("message", Text, nullable=False),
    Column("data", JSONB),
    Column("actor", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint("type IN ('status_change', 'progress_update', 'metric_update', 'error', 'info')", name="type"),
    Index("ix_training_job_events_job_id_id", "job_id", "id"),
)
