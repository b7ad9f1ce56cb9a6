"""Shares one observation of a backend among all who ask at the same moment, across processes."""

from __future__ import annotations

from typing import Final

from training_pipeline.domain.errors import Conflict, Unavailable
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.database import Database
from training_pipeline.training_jobs.polling.poller import Poller
from training_pipeline.training_jobs.store.jobs import JobStore

#: How long the observation of another process is waited for.
MOST_SECONDS: Final = 30.0


class BackendSilent(Unavailable):
    """The backend did not answer a poll."""

    code = "backend_unavailable"


def poll_once(store: JobStore, database: Database, poller: Poller, job_id: str) -> TrainingJob:
    """Ask the backend now, or wait for the answer that another process is just getting; the job as it then is.

    Raises `NotFound`, and `BackendSilent` where the backend did not answer: the stored job is then as it was before.
    """
    job = store.get(job_id)
    if job.status not in ACTIVE - {JobStatus.PENDING}:
        return job
    try:
        with advisory_lock.hold(database, _key(job_id)):
            return _answered(poller.poll(job_id))
    except Conflict:
        pass
    try:
        with advisory_lock.hold(database, _key(job_id), wait=MOST_SECONDS):
            return _answered(store.get(job_id))
    except Conflict:
        raise BackendSilent(f"Training job {job_id} is still being polled.", hint="Try again.") from None


def _key(job_id: str) -> str:
    return f"poll:{job_id}"


def _answered(job: TrainingJob) -> TrainingJob:
    if job.polling.errors and job.status in ACTIVE:
        raise BackendSilent(
            f"The {job.backend} backend does not answer about training job {job.id}.",
            hint="It is retried automatically. See the job's events for details.",
        )
    return job
