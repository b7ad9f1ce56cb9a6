"""What the machine did while a job trained, or why that was not measured. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training_pipeline.backends.metric_point import MeasuresMachine
from training_pipeline.domain.job import TERMINAL
from training_pipeline.schemas.system_metrics import TrainingJobSystemMetrics
from training_pipeline.training_jobs.store.machine_samples import extremes, machine_samples

if TYPE_CHECKING:
    from training_pipeline.app.container import Services
    from training_pipeline.domain.job import TrainingJob


def system_metrics(services: Services, job_id: str, *, resolution: int) -> TrainingJobSystemMetrics:
    """The samples of a job, the lowest and highest of each figure where they are many. Raises `NotFound`."""
    job = services.jobs.get(job_id)
    found = machine_samples(services.store, job_id)
    why = None if found else _why_none(services, job)
    return TrainingJobSystemMetrics.of(job_id, extremes(found, resolution), total=len(found), not_measured=why)


def _why_none(services: Services, job: TrainingJob) -> str | None:
    backend = services.backend
    if job.backend != backend.name:
        return f"It was trained by the backend {job.backend}, which is not the one in use."
    if not isinstance(backend, MeasuresMachine):
        return f"Backend {backend.name} does not measure its machines: see the page of the run."
    return "It ended before it began to train, or an earlier release trained it." if job.status in TERMINAL else None
