"""What the machine did while a job trained."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import JobId
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.system_metrics import TrainingJobSystemMetrics

router = APIRouter(tags=["training jobs"])


@router.get("/jobs/{job_id}/system-metrics", operation_id="getTrainingJobSystemMetrics")
def get_training_job_system_metrics(
    client: Annotated[LocalClient, client_for(LocalClient.system_metrics)],
    job_id: JobId,
    resolution: Annotated[
        int,
        Query(
            ge=2,
            le=10_000,
            description=(
                "Maximum number of samples. If there are more, they are divided into half as many intervals, of "
                "which each series keeps its lowest and highest value."
            ),
            examples=[500],
        ),
    ] = 500,
) -> TrainingJobSystemMetrics:
    """Get the use of processors, memory, GPU and disk while a job trained, also while it runs."""
    return client.system_metrics(job_id, resolution=resolution)
