"""The taints that are on record. Reads only."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from training_pipeline.domain.revocations import Taint
from training_pipeline.models.revocations.tables import taints


def taints_of(
    connection: Connection, *, revocation_ids: Collection[str] = (), job_ids: Collection[str] = ()
) -> list[Taint]:
    """The taints by these revocations, or of these jobs' models, in the order in which they were recorded."""
    table = taints.c
    query = select(taints).where(table.revocation_id.in_(revocation_ids) | table.job_id.in_(job_ids))
    ordered = query.order_by(table.created_at, table.revocation_id, table.job_id)
    return [Taint.model_validate(dict(row)) for row in connection.execute(ordered).mappings()]


def in_words(taint: Taint) -> str:
    """How a model is tainted, such as `of its rows 3 in train, 1 in validation; inherited from tj-…`. Pure."""
    parts = []
    if taint.train or taint.validation:
        parts.append(f"of its rows {taint.train:,} in train, {taint.validation:,} in validation")
    if taint.inherited_from:
        parts.append(f"inherited from {', '.join(taint.inherited_from)}")
    return "; ".join(parts)
