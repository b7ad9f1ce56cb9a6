"""Looks at a job's backend and writes what it finds: points, progress, and how the run ended.

A look never fails a job because looking went wrong: that is an event, and the next look comes after a pause. Any number
of pollers may look at the same job; offsets and statuses move by compare-and-set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, or_, select

from training_pipeline.backends.base import NOT_FINITE, FineTuningBackend, RunState
from training_pipeline.domain.errors import NotFound, PipelineError
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.tracking import Tracking
from training_pipeline.training_jobs import metrics
from training_pipeline.training_jobs.store import EventType, JobStore, job_from_row
from training_pipeline.training_jobs.tables import training_jobs

#: A job that its backend does not know any more is failed after this long.
LOST_SECONDS: Final = 300.0
MOST_PAUSE_SECONDS: Final = 300.0
#: Progress is 99 % at most until the job has succeeded, for until then it may still fail.
MOST_PROGRESS: Final = 99.0


class Poller:
    """Polls jobs that the backend has accepted. `clock` gives aware times, for tests."""

    def __init__(
        self,
        store: JobStore,
        backend: FineTuningBackend,
        tracking: Tracking,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._backend = backend
        self._tracking = tracking
        self._clock = clock

    def poll_due(self, *, limit: int = 100, seconds: float = 20.0) -> list[TrainingJob]:
        """Look at the active jobs, the longest unseen first, until `seconds` are over; the jobs as they are now."""
        table = training_jobs.c
        due = or_(table.poll_after.is_(None), table.poll_after <= self._clock())
        query = (
            select(training_jobs)
            .where(table.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]), due)
            .order_by(table.polled_at.asc().nulls_first())
            .limit(limit)
        )
        with self._store.begin() as connection:
            jobs = [job_from_row(row) for row in connection.execute(query).mappings()]
        deadline = time.monotonic() + seconds
        seen = []
        for job in jobs:
            if time.monotonic() > deadline:
                break
            seen.append(self.poll(job))
        return seen

    def poll_if_due(self, job: TrainingJob) -> TrainingJob:
        """Look at one job, unless its pause after an error is not over yet; the job as it then is."""
        if job.poll_after is not None and job.poll_after > self._clock():
            return job
        return self.poll(job)

    def poll(self, job: TrainingJob) -> TrainingJob:
        """Look at one job now and return it as it then is. Never raises for a fault of the backend."""
        if job.status not in ACTIVE - {JobStatus.PENDING}:
            return job
        try:
            self._look(job)
            values: dict[str, Any] = {
                "poll_errors": 0,
                "poll_after": None,
                "polled_at": func.clock_timestamp(),
                "lost_since": None,
            }
            return self._store.update(job.id, values) or job
        except NotFound:
            return self._lost(job)
        except Exception as error:  # noqa: BLE001 - whatever a backend raises: it is recorded, and we look again
            return self._failed_to_look(job, error)

    def _look(self, job: TrainingJob) -> None:
        if job.cancel_requested_at is not None:
            self._backend.cancel(job.id, job.attempt)
        state = self._backend.status(job.id, job.attempt)
        if state.lost:
            if self._backend.recover(job.id, job.attempt):
                message = "The training process was lost and has been taken up again."
                self._store.record(job.id, EventType.INFO, message)
                return
            state = self._backend.status(job.id, job.attempt)
        collect_points(self._store, self._backend, self._tracking, job)
        self._write(self._store.get(job.id), state)

    def _write(self, job: TrainingJob, state: RunState) -> None:
        values = progress_values(state)
        began = state.status is not JobStatus.QUEUED
        if job.status is JobStatus.QUEUED and began and state.status is not JobStatus.CANCELLED:
            job = self._store.change(job, JobStatus.RUNNING, message="Training has started.", values=values) or job
        elif values and job.status in ACTIVE:
            # Nor of a job that ends just now: its figures are final.
            job = self._store.update(job.id, values, where={"status": job.status}) or job
        if state.status in ACTIVE or job.status not in ACTIVE:
            return
        values = {"backend_status": state.status, "lost_since": None}
        if state.status is JobStatus.SUCCEEDED:
            self._store.update(
                job.id,
                values,
                where={"status": job.status, "backend_status": None},
                event=(EventType.INFO, "Training is done; metrics and model version are being stored."),
            )
            return
        message = {
            JobStatus.CANCELLED: f"Cancelled: {job.cancel_reason or state.message or 'the backend ended the run'}",
            JobStatus.TIMEOUT: state.error or "The job ran longer than its time limit.",
        }.get(state.status, state.error or "The backend ended the run without saying why.")
        if state.status is not JobStatus.CANCELLED:
            values |= {"error_message": message, "error_details": state.error_details}
        self._store.change(job, state.status, message=message, values=values, data=state.error_details)
        if state.status is JobStatus.CANCELLED and job.mlflow_run_id is not None:
            self._tracking.end_run(job.mlflow_run_id, "KILLED")

    def _lost(self, job: TrainingJob) -> TrainingJob:
        now = self._clock()
        if job.lost_since is None:
            message = f"The backend does not know this job; it is failed in {LOST_SECONDS:.0f} s if that stays so."
            values = {"lost_since": now, "polled_at": now}
            seen = {"status": job.status, "lost_since": None}
            event = (EventType.ERROR, message)
            return self._store.update(job.id, values, where=seen, event=event) or self._store.get(job.id)
        if (now - job.lost_since).total_seconds() < LOST_SECONDS:
            return self._store.update(job.id, {"polled_at": now}) or job
        message = "The backend has lost this job. Retry it; what was trained is gone."
        return self._store.change(job, JobStatus.FAILED, message=message, values={"error_message": message}) or job

    def _failed_to_look(self, job: TrainingJob, error: Exception) -> TrainingJob:
        errors = job.poll_errors + 1
        pause = min(2.0 ** min(errors, 10), MOST_PAUSE_SECONDS)
        now = self._clock()
        values = {"poll_errors": errors, "poll_after": now + timedelta(seconds=pause), "polled_at": now}
        # What a library says may hold an address or a text; what we say does not.
        said = error.message if isinstance(error, PipelineError) else type(error).__name__
        event = (EventType.ERROR, f"Could not look at the backend ({said}); trying again.") if errors == 1 else None
        seen = {"status": job.status, "poll_errors": job.poll_errors}
        return self._store.update(job.id, values, where=seen, event=event) or self._store.get(job.id)


def collect_points(store: JobStore, backend: FineTuningBackend, tracking: Tracking, job: TrainingJob) -> None:
    """Take the next points from the backend into the store and, from an offset of its own, into MLflow. Idempotent.

    A point that is no number is not stored; the job's events say where the first one of a look was.
    """
    points, offset = backend.metrics(job.id, job.attempt, job.metrics_offset)
    if offset != job.metrics_offset and metrics.add_points(store, job, points, offset):
        broken = next((point for point in points if point.name.endswith(NOT_FINITE)), None)
        if broken is not None:
            name = broken.name.removesuffix(NOT_FINITE)
            store.record(
                job.id, EventType.METRIC_UPDATE, f"Warning: {name} is not a finite number at step {broken.step}."
            )
    if job.mlflow_run_id is None:
        return
    points, offset = backend.metrics(job.id, job.attempt, job.mlflow_offset)
    if offset != job.mlflow_offset:
        tracking.log_points(job.mlflow_run_id, points)
        store.update(job.id, {"mlflow_offset": offset}, where={"mlflow_offset": job.mlflow_offset})


def progress_values(state: RunState) -> dict[str, Any]:
    """The columns of a job that say how far it is; only what the backend knows. Pure."""
    values: dict[str, Any] = {
        "current_step": state.step,
        "planned_steps": state.planned_steps,
        "current_epoch": state.epoch,
        "total_epochs": state.total_epochs,
        "eta_seconds": state.eta_seconds,
    }
    values = {name: value for name, value in values.items() if value is not None}
    if state.step is not None and state.planned_steps:
        values["progress_percent"] = min(MOST_PROGRESS, 100.0 * state.step / state.planned_steps)
    return values
