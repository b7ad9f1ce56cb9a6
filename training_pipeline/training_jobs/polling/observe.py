"""Observes a job's backend: its state and new metric points, and lets a run begin whose pairs may be trained on.

Writes nothing of ours but MLflow's copy of the points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.permission import AsksPermission
from training_pipeline.backends.run_state import RunState
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.polling.metrics_sync import NewPoints, mirror
from training_pipeline.training_jobs.polling.permission import Answer, Permission
from training_pipeline.training_jobs.store.rows import columns_of

#: Progress is 99 % at most until the job has succeeded, for until then it may still fail.
MOST_PROGRESS: Final = 99.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What a backend said about a job; `state` is null where a lost run has just been taken up again."""

    state: RunState | None
    new: NewPoints
    mlflow_offset: int
    #: What kept the points from MLflow: the name of an exception.
    mirror_error: str | None = None
    #: Whether the pairs may still be trained on, where the run had asked.
    permission: Answer | None = None

    def has_news(self, job: TrainingJob) -> bool:
        """Whether anything would change in the job as it was when the observation began."""
        if (
            self.state is None
            or self.mirror_error is not None
            or self.permission is not None
            or job.polling.errors
            or job.polling.lost_since is not None
        ):
            return True
        if (self.new.offset, self.mlflow_offset) != (job.polling.metrics_offset, job.polling.mlflow_offset):
            return True
        if self.state.status not in ACTIVE or (job.status, self.state.status) == (JobStatus.QUEUED, JobStatus.RUNNING):
            return True
        if self.state.waits_for != job.error_message:
            return True
        seen = columns_of(job)
        return any(seen[name] != value for name, value in progress_values(self.state).items())


def is_watched(job: TrainingJob) -> bool:
    """Whether its backend has anything to say about the job: it has been accepted, and was not seen to end."""
    return job.status in {JobStatus.QUEUED, JobStatus.RUNNING} and job.polling.backend_status is None


def is_unchanged(job: TrainingJob, state: RunState | None) -> bool:
    """Whether this state says all that an observation of the job would, and nothing of it is new."""
    polling = job.polling
    return (
        state is not None
        and not state.lost
        and state.asks_since is None
        and job.cancellation.requested_at is None
        and _has_no_points(job, state)
        and (job.handles.mlflow_run_id is None or polling.mlflow_offset == polling.metrics_offset)
        and not Observation(state, NewPoints([], polling.metrics_offset), polling.mlflow_offset).has_news(job)
    )


def _has_no_points(job: TrainingJob, state: RunState) -> bool:
    """Whether it is known without asking that there are no points but those that were taken."""
    return state.status is JobStatus.QUEUED or state.metrics_offset == job.polling.metrics_offset


def observe(
    backend: FineTuningBackend,
    tracking: RunTracking,
    job: TrainingJob,
    state: RunState | None = None,
    *,
    permission: Permission | None = None,
) -> Observation:
    """Ask the backend about one job; `state` is its status where that is known already.

    Passes a requested cancel on, and has a lost run recovered. A run that asks whether it may begin is let by
    `permission`; without one it waits. Raises whatever the backend raises, and `PermissionUnknown`; what MLflow raises
    is a part of the observation, for the job goes on without it.
    """
    if job.cancellation.requested_at is not None:
        backend.cancel(job.id, job.attempt)
        state = None
    state = state or backend.status(job.id, job.attempt)
    nothing = NewPoints([], job.polling.metrics_offset)
    if state.lost:
        if backend.recover(job.id, job.attempt):
            return Observation(None, nothing, job.polling.mlflow_offset)
        state = backend.status(job.id, job.attempt)
    answer = None
    if state.asks_since is not None and permission is not None and job.cancellation.requested_at is None:
        answer = permission.ask(job)
        if answer.withdrawn is None and isinstance(backend, AsksPermission):
            backend.allow(job.id, job.attempt, asked=state.asks_since)
    waits = state.status is JobStatus.QUEUED
    if _has_no_points(job, state):
        new = nothing
    else:
        new = NewPoints(*backend.metrics(job.id, job.attempt, job.polling.metrics_offset))
    try:
        mlflow_offset = job.polling.mlflow_offset if waits else mirror(backend, tracking, job, new)
        if state.status is JobStatus.CANCELLED and job.handles.mlflow_run_id is not None:
            tracking.end_run(job.handles.mlflow_run_id, "KILLED")
    except Exception as error:  # noqa: BLE001 - whatever MLflow raises: it is recorded, and tried again
        mirror_error = type(error).__name__
        return Observation(state, new, job.polling.mlflow_offset, mirror_error=mirror_error, permission=answer)
    return Observation(state, new, mlflow_offset, permission=answer)


def progress_values(state: RunState) -> dict[str, Any]:
    """The columns of a job that say how far it is; only what the backend knows."""
    values: dict[str, Any] = {
        "current_step": state.step,
        "planned_steps": state.planned_steps,
        "current_epoch": state.epoch,
        "total_epochs": state.total_epochs,
        "eta_seconds": state.eta_seconds,
        "backend_run_url": state.run_url,
        "mlflow_experiment_id": state.mlflow_experiment_id,
        "mlflow_run_id": state.mlflow_run_id,
    }
    values = {name: value for name, value in values.items() if value is not None}
    if state.step is not None and state.planned_steps:
        values["progress_percent"] = min(MOST_PROGRESS, 100.0 * state.step / state.planned_steps)
    return values
