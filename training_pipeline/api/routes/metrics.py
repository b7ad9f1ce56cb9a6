"""A job's metrics: latest values and series."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import JobId
from training_pipeline.client.local import LocalClient
from training_pipeline.domain.smoothing import MOST_SMOOTHING
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.training_jobs.store.metric_series import FIRST_STEP, LAST_STEP

router = APIRouter(tags=["training jobs"])

Step = Annotated[int, Query(ge=FIRST_STEP, le=LAST_STEP, description="A step (inclusive).", examples=[100])]
Resolution = Annotated[
    int,
    Query(
        ge=2,
        le=10_000,
        description=(
            "Maximum number of steps. If the range has more, it is divided into half as many intervals, of "
            "which each series keeps its lowest and highest value."
        ),
        examples=[500],
    ),
]
Smoothing = Annotated[
    float,
    Query(
        ge=0,
        le=MOST_SMOOTHING,
        description=(
            "Return exponential moving averages instead of measured values, with this weight of the previous step."
        ),
        examples=[0.9],
    ),
]


@router.get("/jobs/{job_id}/metrics", operation_id="getTrainingJobMetrics")
def get_training_job_metrics(
    client: Annotated[LocalClient, client_for(LocalClient.metrics)],
    job_id: JobId,
    from_step: Step = FIRST_STEP,
    to_step: Step = LAST_STEP,
    resolution: Resolution = 500,
    smoothing: Smoothing = 0.0,
) -> TrainingJobMetrics:
    """Get the latest metrics of a job and its series, also while it runs."""
    return client.metrics(job_id, from_step=from_step, to_step=to_step, resolution=resolution, smoothing=smoothing)
