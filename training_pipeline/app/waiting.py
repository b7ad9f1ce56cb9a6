"""What a job that has not begun waits for, in words for people: a place in a queue, or a daemon that is down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, literal, select, tuple_

from training_pipeline.app.readiness import daemon_runs
from training_pipeline.domain.job import JobStatus
from training_pipeline.training_jobs.store.tables import training_jobs

if TYPE_CHECKING:
    from training_pipeline.app.container import Services
    from training_pipeline.domain.job import TrainingJob
    from training_pipeline.training_jobs.store.jobs import JobStore


def waiting(services: Services, job: TrainingJob) -> str:
    """One sentence about a pending or queued job; "" about any other. Reads only."""
    if job.status not in {JobStatus.PENDING, JobStatus.QUEUED}:
        return ""
    if not daemon_runs(services):
        return "Waiting for Dagster's daemon, which is not running: start it with `training-pipeline up`."
    if job.status is JobStatus.PENDING:
        return "Being prepared by Dagster." if job.launch.claimed_at else "Waiting for Dagster to launch it."
    before = _before(services.store, job)
    place = f"{before:,} job{'' if before == 1 else 's'} before it in the queue" if before else "next in the queue"
    return f"Accepted by the backend, waiting for compute: {place}."


def _before(store: JobStore, job: TrainingJob) -> int:
    """How many older jobs of the same backend are queued."""
    table = training_jobs.c
    older = tuple_(table.created_at, table.id) < tuple_(literal(job.created_at), literal(job.id))
    query = select(func.count()).where(table.status == JobStatus.QUEUED, table.backend == job.backend, older)
    with store.begin() as connection:
        return int(connection.execute(query).scalar_one())
