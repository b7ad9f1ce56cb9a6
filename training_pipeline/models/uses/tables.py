"""The tables of the index: sheets, their datasets, their distinct rows, and what each dataset did with each row.

Everything in them is derived from manifests; `index.UseIndex.rebuild` makes them anew. Every change here needs a
migration; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from training_pipeline.training_jobs.store.tables import metadata

#: What a row can be found by, each the first 64 bits of a hash: see `keys`.
KEYS: Final = ("pair_key", "row_key", "question_key", "item_key", "label_key")

use_sheets = Table(
    "use_sheets",
    metadata,
    Column("sheet_no", Integer, Identity(always=True), primary_key=True),
    Column("training_sheet_id", Text, nullable=False),
    # How many rows and datasets are numbered. Who numbers more holds this row's lock.
    Column("rows", Integer, nullable=False, server_default="0"),
    Column("slots", Integer, nullable=False, server_default="0"),
    Index("ix_use_sheets_training_sheet_id", "training_sheet_id", unique=True),
)

use_datasets = Table(
    "use_datasets",
    metadata,
    Column("sheet_no", Integer, primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("manifest_sha256", Text, nullable=False),
    # Manifests of before had no hashes of questions.
    Column("has_questions", Boolean, nullable=False),
    # Null until a job has it: set in the transaction that stores the job's dataset.
    Column("recorded_at", DateTime(timezone=True)),
    # The key that the hashes of its manifest are under; null for hashes without one.
    Column("hash_key", Text),
    Index("ix_use_datasets_digest_sheet_no", "digest", "sheet_no", unique=True),
)

use_rows = Table(
    "use_rows",
    metadata,
    Column("sheet_no", Integer, primary_key=True),
    Column("row_no", Integer, primary_key=True),
    # 128 bits over all that a row is found by: equal rows of several datasets have one number.
    Column("identity_high", BigInteger, nullable=False),
    Column("identity_low", BigInteger, nullable=False),
    *(Column(name, BigInteger) for name in KEYS),
    # Where it stands in full: the manifest of this dataset, at this place.
    Column("slot", Integer, nullable=False),
    Column("place", Integer, nullable=False),
    *(Index(f"ix_use_rows_{name}", name) for name in KEYS),
)

#: The second question of a row, and so on: conversations ask several.
use_questions = Table(
    "use_questions",
    metadata,
    Column("question_key", BigInteger, primary_key=True),
    Column("sheet_no", Integer, primary_key=True),
    Column("row_no", Integer, primary_key=True),
)

#: Verdicts of 32 datasets on 4,096 rows: see `cells`.
use_verdicts = Table(
    "use_verdicts",
    metadata,
    Column("sheet_no", Integer, primary_key=True),
    Column("chunk", Integer, primary_key=True),
    Column("block", Integer, primary_key=True),
    Column("cells", LargeBinary, nullable=False),
)
