"""Training jobs side by side."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query

from training_pipeline.api.deps import client_for
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.comparison import TrainingJobComparison

router = APIRouter(tags=["training jobs"])

#: More than eight ids are refused with the others' problems; this only bounds the parameter.
_LONGEST: Final = 2000


@router.get("/jobs/compare", operation_id="compareTrainingJobs")
def compare_training_jobs(
    client: Annotated[LocalClient, client_for(LocalClient.compare)],
    jobs: Annotated[
        str,
        Query(
            max_length=_LONGEST,
            description="Ids of two to eight training jobs, separated by commas; all are compared with the first.",
            examples=["tj-20261101-081500-1c2d3e,tj-20261123-072145-9f3a2c"],
        ),
    ],
) -> TrainingJobComparison:
    """Compare training jobs: configuration, data, metrics, time and cost, evaluations; may losses be compared?"""
    return client.compare([job_id.strip() for job_id in jobs.split(",")])
