"""From a backend's points to the job's series and to MLflow, each from an offset of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.metric_point import NOT_FINITE, PASSED_OVER, MetricPoint
from training_pipeline.domain.job import TrainingJob
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.store import metrics
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.training_jobs.store.jobs import JobStore

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


def warnings_of(points: Sequence[MetricPoint]) -> list[JobEvent]:
    """The events about the first point whose value was not a finite number, and about damaged checkpoints."""
    events = [_passed_over(point) for point in points if point.name == PASSED_OVER]
    broken = next((point for point in points if point.name.endswith(NOT_FINITE)), None)
    return events if broken is None else [*events, _not_finite(broken)]


def _not_finite(point: MetricPoint) -> JobEvent:
    metric = point.name.removesuffix(NOT_FINITE)
    return JobEvent(
        EventType.METRIC_UPDATE,
        f"Warning: {metric} is not a finite number at step {point.step}.",
        {"code": NOT_FINITE_CODE, "metric": metric, "step": point.step},
    )


def _passed_over(point: MetricPoint) -> JobEvent:
    many = round(point.value)
    what = "A damaged checkpoint was" if many == 1 else f"{many} damaged checkpoints were"
    place = f"step {point.step}" if point.step else "the start"
    return JobEvent(
        EventType.INFO,
        f"Warning: {what} passed over; training continues from {place}.",
        {"code": PASSED_OVER, "count": many, "step": point.step},
    )


def collect_points(store: JobStore, backend: FineTuningBackend, tracking: RunTracking, job: TrainingJob) -> None:
    """Take the next points from the backend into the store and into MLflow. Idempotent; raises what they raise."""
    new = NewPoints(*backend.metrics(job.id, job.attempt, job.polling.metrics_offset))
    if new.offset != job.polling.metrics_offset and metrics.add_points(store, job, new.points, new.offset):
        for warning in warnings_of(new.points):
            store.record(job.id, warning.type, warning.message, data=warning.data)
    offset = mirror(backend, tracking, job, new)
    if offset != job.polling.mlflow_offset:
        store.update(job.id, {"mlflow_offset": offset}, where={"mlflow_offset": job.polling.mlflow_offset})
