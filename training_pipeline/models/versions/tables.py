"""Where versions are used: the aliases that they were seen with, and the endpoints that serve them.

Every change here needs a migration; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Table, Text, text

from training_pipeline.training_jobs.store.tables import metadata

model_aliases = Table(
    "model_aliases",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("alias", Text, nullable=False),
    # When it was first seen here, and when it was first not seen any more: the registry keeps neither.
    Column("since", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True)),
    Index(
        "ix_model_aliases_model_name_alias", "model_name", "alias", unique=True, postgresql_where=text("until IS NULL")
    ),
    Index("ix_model_aliases_model_name_model_version", "model_name", "model_version"),
)

#: When the aliases of a model were looked at last, also where it has none.
alias_looks = Table(
    "alias_looks",
    metadata,
    Column("model_name", Text, primary_key=True),
    Column("looked_at", DateTime(timezone=True), nullable=False),
)

model_endpoints = Table(
    "model_endpoints",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    # Who recorded it; null where it was found in a workspace.
    Column("added_by", Text),
    Column("until", DateTime(timezone=True)),
    Column("removed_by", Text),
    # The workspace in which it was found; null where a person recorded it.
    Column("workspace", Text),
    Index(
        "ix_model_endpoints_model_name_model_version_url",
        "model_name",
        "model_version",
        "url",
        unique=True,
        postgresql_where=text("until IS NULL"),
    ),
)

#: When the endpoints of a workspace were looked at last.
endpoint_looks = Table(
    "endpoint_looks",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("looked_at", DateTime(timezone=True), nullable=False),
)
