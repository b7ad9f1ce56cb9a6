"""The tables of edits to training sheets: what each did to which pairs. Nothing is deleted from them.

Every change here needs a migration; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from training_pipeline.training_jobs.store.tables import metadata

sheet_edits = Table(
    "sheet_edits",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("training_sheet_id", Text, nullable=False),
    # The version that was edited and the one that came of it, with the files of their pairs.
    Column("old_digest", Text, nullable=False),
    Column("new_digest", Text, nullable=False),
    Column("old_file", Text, nullable=False),
    Column("new_file", Text, nullable=False),
    Column("undoes", BigInteger, ForeignKey("sheet_edits.number")),
    Column("pairs", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    # Written as `intended` before the sheet is touched.
    Column("state", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint("state IN ('intended', 'applied', 'abandoned')", name="state"),
    Index("ix_sheet_edits_training_sheet_id_number", "training_sheet_id", "number"),
)

#: Facts of each pair before and after, never its text.
sheet_edit_pairs = Table(
    "sheet_edit_pairs",
    metadata,
    Column("edit_number", BigInteger, ForeignKey("sheet_edits.number"), primary_key=True),
    Column("pair_id", Text, primary_key=True),
    Column("before", JSONB, nullable=False),
    Column("after", JSONB, nullable=False),
    Index("ix_sheet_edit_pairs_pair_id", "pair_id"),
)
