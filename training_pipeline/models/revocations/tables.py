"""The tables of revocations: what was revoked, whom it taints, what was decided, which sheets were looked at.

Nothing is deleted from them. Every change here needs a migration; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from training_pipeline.training_jobs.store.tables import metadata

revocations = Table(
    "revocations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False),
    # SHA-256 (hex) over what is revoked and how that became known: the same is recorded once.
    Column("identity", Text, nullable=False),
    Column("kind", Text, nullable=False),
    # The name or hash; for rows seen in a source, the version of the training sheet that showed it.
    Column("value", Text, nullable=False),
    Column("training_sheet_id", Text),
    Column("source", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("pairs", Integer, nullable=False, server_default="0"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint("kind IN ('pair', 'item', 'label', 'row_hash', 'question_hash', 'sheet', 'rows')", name="kind"),
    CheckConstraint("source IN ('by_hand', 'lost_permission', 'relabelled', 'vanished')", name="source"),
    Index("ix_revocations_identity", "identity", unique=True),
    Index("ix_revocations_number", "number", unique=True),
)

#: The rows of revocations that were seen in a source: the pair, and what exactly was trained on.
revoked_rows = Table(
    "revoked_rows",
    metadata,
    Column("training_sheet_id", Text, primary_key=True),
    Column("pair_id", Text, primary_key=True),
    Column("row_hash", Text, primary_key=True),
    # Of a row that may still be trained on, and not validated on.
    Column("validation_only", Boolean, primary_key=True),
    Column("revocation_id", Text, ForeignKey("revocations.id"), nullable=False),
    # The key that the hash is under; null for a hash without one.
    Column("hash_key", Text),
    Index("ix_revoked_rows_revocation_id", "revocation_id"),
)

#: What people revoked, as examples: whoever shows one is known by it, whatever becomes of the pair that was named.
revoked_examples = Table(
    "revoked_examples",
    metadata,
    Column("training_sheet_id", Text, primary_key=True),
    Column("revocation_id", Text, ForeignKey("revocations.id"), primary_key=True),
    # 64 digits: of the line of the example. 32 digits: of the example in normal form.
    Column("hash", Text, primary_key=True),
    # The key that it is under; null for a hash without one.
    Column("hash_key", Text),
)

#: Datasets of which nobody could say whether they hold what was revoked: their manifest could not be read.
unread_datasets = Table(
    "unread_datasets",
    metadata,
    Column("revocation_id", Text, ForeignKey("revocations.id"), primary_key=True),
    Column("training_sheet_id", Text, primary_key=True),
    Column("dataset_digest", Text, primary_key=True),
    Column("why", Text, nullable=False),
    Column("noticed_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    # When it was read after all, and what it holds tainted; null until then.
    Column("read_at", DateTime(timezone=True)),
    Index("ix_unread_datasets_open", "revocation_id", postgresql_where=text("read_at IS NULL")),
)

taints = Table(
    "taints",
    metadata,
    Column("revocation_id", Text, ForeignKey("revocations.id"), primary_key=True),
    Column("job_id", Text, ForeignKey("training_jobs.id"), primary_key=True),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text),
    Column("train", Integer, nullable=False),
    Column("validation", Integer, nullable=False),
    # Ids of jobs, the nearest first.
    Column("inherited_from", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    # When the version's tags and the check in Dagster said so; null until then.
    Column("tagged_at", DateTime(timezone=True)),
    Column("checked_at", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("after", DateTime(timezone=True)),
    Index("ix_taints_job_id", "job_id"),
    Index("ix_taints_told", "created_at", postgresql_where=text("tagged_at IS NULL OR checked_at IS NULL")),
)

#: A retrain of a tainted version without the withdrawn rows, renewed with each taint until it is launched.
retrain_proposals = Table(
    "retrain_proposals",
    metadata,
    Column("job_id", Text, ForeignKey("training_jobs.id"), primary_key=True),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    # The body of a request for a training job.
    Column("request", JSONB, nullable=False),
    # Withdrawn rows of its dataset; null where its manifest could not be read.
    Column("train", Integer),
    Column("validation", Integer),
    Column("tainted_base", Text),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    # Changed by compare-and-set, in the transaction that creates the job.
    Column("launched_job_id", Text, ForeignKey("training_jobs.id")),
    Column("launched_by", Text),
    Index("ix_retrain_proposals_model_name_model_version", "model_name", "model_version"),
)

watched_sheets = Table(
    "watched_sheets",
    metadata,
    Column("training_sheet_id", Text, primary_key=True),
    # Digest of what was compared last: the sheet, the gate policy and the datasets. Changed by compare-and-set.
    Column("version", Text),
    Column("looked_at", DateTime(timezone=True), nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    # 1, 2, 3 …: no number is left out.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("job_id", Text, ForeignKey("training_jobs.id"), nullable=False),
    Column("decision", Text, nullable=False),
    Column("revocation_ids", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("due", Date),
    Column("evidence", Text),
    # As it is hashed: ISO 8601, in UTC.
    Column("decided_at", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("decision IN ('retrain', 'withdraw', 'suppress', 'unlearn', 'accept_risk')", name="decision"),
    Index("ix_decisions_model_name_model_version", "model_name", "model_version"),
)
