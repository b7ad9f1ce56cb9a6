"""From a backend's points to the job's series and to MLflow, each from an offset of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from training_pipeline.backends.base import NOT_FINITE, FineTuningBackend, MetricPoint
from training_pipeline.domain.job import TrainingJob
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.store import metrics
from training_pipeline.training_jobs.store.jobs import EventType, JobStore

#: In the data of the event about a measured value that is no finite number.
NOT_FINITE_CODE: Final = "not_finite"


class JobEvent(NamedTuple):
    """An event to append to a job's journal."""

    type: EventType
    message: str
    data: Mapping[str, Any] | None = None


class NewPoints(NamedTuple):
    """What the backend has measured since the job's offset, and the offset to ask from next."""

    points: list[MetricPoint]
    offset: int


def mirror(backend: FineTuningBackend, tracking: RunTracking, job: TrainingJob, new: NewPoints) -> int:
    """Copy to MLflow what it does not have yet, and return the offset up to which it then has everything. Idempotent.

    The backend is asked again only where MLflow had fallen behind the series.
    """
    if job.handles.mlflow_run_id is None:
        return job.polling.mlflow_offset
    behind = job.polling.mlflow_offset != job.polling.metrics_offset
    points, offset = backend.metrics(job.id, job.attempt, job.polling.mlflow_offset) if behind else new
    if points:
        tracking.log_points(job.handles.mlflow_run_id, points)
    return offset


def warning_of(points: Iterable[MetricPoint]) -> JobEvent | None:
    """The event about the first point whose value was not a finite number; None where all were."""
    broken = next((point for point in points if point.name.endswith(NOT_FINITE)), None)
    if broken is None:
        return None
    metric = broken.name.removesuffix(NOT_FINITE)
    return JobEvent(
        EventType.METRIC_UPDATE,
        f"Warning: {metric} is not a finite number at step {broken.step}.",
        {"code": NOT_FINITE_CODE, "metric": metric, "step": broken.step},
    )


def collect_points(store: JobStore, backend: FineTuningBackend, tracking: RunTracking, job: TrainingJob) -> None:
    """Take the next points from the backend into the store and into MLflow. Idempotent; raises what they raise."""
    new = NewPoints(*backend.metrics(job.id, job.attempt, job.polling.metrics_offset))
    if new.offset != job.polling.metrics_offset and metrics.add_points(store, job, new.points, new.offset):
        warning = warning_of(new.points)
        if warning is not None:
            store.record(job.id, warning.type, warning.message, data=warning.data)
    offset = mirror(backend, tracking, job, new)
    if offset != job.polling.mlflow_offset:
        store.update(job.id, {"mlflow_offset": offset}, where={"mlflow_offset": job.polling.mlflow_offset})
