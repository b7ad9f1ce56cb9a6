"""A job's metrics: the figures so far, and the series."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from training_pipeline.api.deps import VIEWER, JobId, Parts
from training_pipeline.domain.job import TrainingJob
from training_pipeline.schemas.metrics import MetricPoint, TrainingJobMetrics
from training_pipeline.schemas.paging import bad_query
from training_pipeline.training_jobs.store.metric_series import FIRST_STEP, LAST_STEP, metric_series

router = APIRouter(tags=["training jobs"])

Step = Annotated[int, Query(ge=FIRST_STEP, le=LAST_STEP, description="A step, itself included.", examples=[100])]
Resolution = Annotated[
    int,
    Query(
        ge=2,
        le=10_000,
        description="Where the stretch has more steps: cut it into half as many intervals, and keep of each series its "
        "lowest and highest value in each.",
        examples=[500],
    ),
]


@router.get("/jobs/{job_id}/metrics", operation_id="getTrainingJobMetrics", dependencies=[VIEWER])
def get_training_job_metrics(
    services: Parts,
    job_id: JobId,
    from_step: Step = FIRST_STEP,
    to_step: Step = LAST_STEP,
    resolution: Resolution = 500,
) -> TrainingJobMetrics:
    """The figures of a job so far, also while it runs, and its series."""
    if to_step < from_step:
        raise bad_query("to_step", "no_stretch", "Must not be less than from_step")
    job = services.jobs.get(job_id)
    found = metric_series(services.store, job_id, from_step=from_step, to_step=to_step, resolution=resolution)
    return TrainingJobMetrics(
        job_id=job.id,
        train_loss=job.progress.train_loss,
        val_loss=job.progress.val_loss,
        train_accuracy=job.progress.train_accuracy,
        val_accuracy=job.progress.val_accuracy,
        learning_rate=found.latest["learning_rate"],
        epochs_completed=job.progress.current_epoch,
        training_duration_seconds=_duration(job),
        tokens_processed=found.latest["tokens"] if job.result.tokens_processed is None else job.result.tokens_processed,
        cost_dbu=job.result.cost_dbu,
        custom_metrics=job.result.custom_metrics,
        series=[MetricPoint.model_validate(row) for row in found.rows],
        series_total=found.total,
        sampled=found.sampled,
    )


def _duration(job: TrainingJob) -> float | None:
    if job.duration_seconds is not None or job.started_at is None:
        return job.duration_seconds
    return (datetime.now(UTC) - job.started_at).total_seconds()
