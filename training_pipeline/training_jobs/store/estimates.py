"""The succeeded jobs with the estimate that each was created with. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import RowMapping, select, true

from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.estimate.prices import priced_as
from training_pipeline.domain.estimate.quality import Kind, Outcome
from training_pipeline.domain.job import JobStatus
from training_pipeline.training_jobs.store.history import MACHINE
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_job_events, training_jobs

#: Where the first event of a job has the advice that was given when it was created, and its estimate.
ADVICE: Final = "advice"
ESTIMATE: Final = "estimate"
#: So many of the last succeeded jobs are looked at.
LOOKED_AT: Final = 1000


@dataclass(frozen=True, slots=True)
class Estimates:
    """The jobs that had an estimate, the newest first, and how many had none."""

    outcomes: tuple[Outcome, ...]
    without: int


def estimates(store: JobStore) -> Estimates:
    """What was estimated of the last succeeded jobs, `LOOKED_AT` at most, and how long they took. Reads only."""
    job, event = training_jobs.c, training_job_events.c
    columns = ("id", "model_name", "base_model", "training_config", "created_at", "duration_seconds", "cost_dbu")
    wanted = (job.status == JobStatus.SUCCEEDED, job.duration_seconds > 0)
    newest = (job.created_at.desc(), job.id.desc())
    recent = (
        select(*(job[name] for name in columns)).where(*wanted).order_by(*newest).limit(LOOKED_AT).subquery("recent")
    )
    first = (
        select(event.data[MACHINE].astext.label(MACHINE), event.data[ESTIMATE].label(ESTIMATE))
        .where(event.job_id == recent.c.id)
        .order_by(event.id)
        .limit(1)
        .lateral("first")
    )
    query = (
        select(recent, first.c[MACHINE], first.c[ESTIMATE])
        .select_from(recent.join(first, true()))
        .order_by(recent.c.created_at.desc(), recent.c.id.desc())
    )
    with store.begin() as connection:
        rows = connection.execute(query).mappings().all()
    found = [outcome for row in rows if (outcome := _outcome(row)) is not None]
    return Estimates(tuple(found), len(rows) - len(found))


def _outcome(row: RowMapping) -> Outcome | None:
    """A job with its estimate; None where it had none, or a later release says it otherwise."""
    estimate = _estimate(row[ESTIMATE])
    time = None if estimate is None else estimate.time
    if (
        estimate is None
        or time is None
        or time.middle is None
        or time.low is None
        or time.high is None
        or row[MACHINE] is None
    ):
        return None
    return Outcome(
        job_id=row["id"],
        model_name=row["model_name"],
        kind=Kind(row["base_model"], str(row["training_config"].get("method", "full")), row[MACHINE]),
        created_at=row["created_at"],
        middle=time.middle,
        low=time.low,
        high=time.high,
        seconds=row["duration_seconds"],
        basis=time.basis,
        cost=estimate.cost.middle,
        currency=estimate.currency,
        priced_as=priced_as(row["training_config"]),
        dbu=row["cost_dbu"],
    )


def _estimate(stored: Any) -> Estimate | None:
    try:
        return Estimate.model_validate(stored)
    except ValidationError:
        return None
