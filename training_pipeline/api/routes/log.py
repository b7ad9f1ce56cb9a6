"""A job's log: what the trainer has printed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import JobId
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.log import BYTES, FEWEST_BYTES, MOST_BYTES, TrainingJobLog

router = APIRouter(tags=["training jobs"])


@router.get("/jobs/{job_id}/log", operation_id="getTrainingJobLog")
def get_training_job_log(
    client: Annotated[LocalClient, client_for(LocalClient.log)],
    job_id: JobId,
    offset: Annotated[
        int | None,
        Query(
            ge=0,
            le=2**53,
            description="Byte to begin at: 0, or the `next_offset` of an earlier part. Default: the end of the log.",
            examples=[0],
        ),
    ] = None,
    limit: Annotated[
        int, Query(ge=FEWEST_BYTES, le=MOST_BYTES, description="Maximum number of bytes.", examples=[BYTES])
    ] = BYTES,
) -> TrainingJobLog:
    """Get a part of what the trainer has printed, also while it runs. It holds no text of pairs."""
    return client.log(job_id, offset=offset, limit=limit)
