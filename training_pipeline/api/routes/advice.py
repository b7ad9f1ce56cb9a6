"""The advice on a job's configuration."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import JobId
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.advice import TrainingJobAdvice
from training_pipeline.schemas.estimates import EstimatesSoFar

router = APIRouter(tags=["training jobs"])


@router.get("/jobs/{job_id}/advice", operation_id="getTrainingJobAdvice")
def get_training_job_advice(
    client: Annotated[LocalClient, client_for(LocalClient.advice)], job_id: JobId
) -> TrainingJobAdvice:
    """Get the advice given when the job was created, and findings in its metrics once it has ended."""
    return client.advice(job_id)


@router.get("/estimates", operation_id="getEstimates")
def get_estimates(client: Annotated[LocalClient, client_for(LocalClient.estimates)]) -> EstimatesSoFar:
    """Get the accuracy of estimates of training time, by kind of job and job by job."""
    return client.estimates()
