"""The taints of models: put on record once, read, and put into words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.domain.revocations import Taint, Tainted
from training_pipeline.models.revocations.tables import taints
from training_pipeline.training_jobs.store.events import SYSTEM, EventType, record_event
from training_pipeline.training_jobs.store.tables import training_jobs

if TYPE_CHECKING:
    from training_pipeline.models.revocations.affected import Affected, Model


def taints_of(
    connection: Connection, *, revocation_ids: Collection[str] = (), job_ids: Collection[str] = ()
) -> list[Taint]:
    """The taints by these revocations, or of these jobs' models, in the order in which they were recorded."""
    table = taints.c
    query = select(taints).where(table.revocation_id.in_(revocation_ids) | table.job_id.in_(job_ids))
    ordered = query.order_by(table.created_at, table.revocation_id, table.job_id)
    return [Taint.model_validate(dict(row)) for row in connection.execute(ordered).mappings()]


def in_words(taint: Taint) -> str:
    """How a model is tainted, such as `of its rows 3 in train, 1 in validation; inherited from tj-…`."""
    parts = []
    if taint.train or taint.validation:
        parts.append(f"of its rows {taint.train:,} in train, {taint.validation:,} in validation")
    if taint.inherited_from:
        parts.append(f"inherited from {', '.join(taint.inherited_from)}")
    return "; ".join(parts)


def tainted_by(who: Affected) -> list[tuple[Model, Tainted]]:
    """The models that were found to be tainted, and how, by their jobs."""
    return [(who.models[job_id], how) for job_id, how in sorted(who.tainted.items())]


def taint_of(revocation_id: str, model: Model, how: Tainted) -> Taint:
    """The taint of a model by a revocation."""
    return Taint(
        revocation_id=revocation_id,
        job_id=model.job_id,
        model_name=model.name,
        model_version=model.version,
        train=how.own.train,
        validation=how.own.validation,
        inherited_from=how.inherited_from,
    )


def store_new(connection: Connection, wanted: Sequence[Taint]) -> list[Taint]:
    """Store the taints that are not there yet, each with an event of its job; returns those. By rising job ids."""
    stored = []
    for taint in wanted:
        values = {**taint.model_dump(), "inherited_from": list(taint.inherited_from)}
        if connection.execute(
            insert(taints).values(values).on_conflict_do_nothing().returning(taints.c.job_id)
        ).first():
            stored.append(taint)
            record_event(
                connection,
                taint.job_id,
                EventType.INFO,
                f"The model is tainted by {taint.revocation_id}: {in_words(taint)}.",
                SYSTEM,
                data=taint.model_dump(exclude={"job_id"}),
            )
            since = func.coalesce(training_jobs.c.tainted_at, func.clock_timestamp())
            connection.execute(update(training_jobs).where(training_jobs.c.id == taint.job_id).values(tainted_at=since))
    return stored
