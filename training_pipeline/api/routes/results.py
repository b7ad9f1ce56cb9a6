"""The results of a training, pair by pair."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import JobId
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.result import LOSSES, MOST_LOSSES, TrainingJobResult

router = APIRouter(tags=["training jobs"])


@router.get("/jobs/{job_id}/result", operation_id="getTrainingJobResult")
def get_training_job_result(
    client: Annotated[LocalClient, client_for(LocalClient.result)],
    job_id: JobId,
    limit: Annotated[
        int, Query(ge=1, le=MOST_LOSSES, description="Maximum number of pairs with a high loss.", examples=[LOSSES])
    ] = LOSSES,
) -> TrainingJobResult:
    """Get answers before and after training, and the validation pairs with the highest loss.

    Operators and stewards see texts.
    """
    return client.result(job_id, limit=limit)
