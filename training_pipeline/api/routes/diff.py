"""What differs between two training jobs."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import Cursor, JobId
from training_pipeline.client.local import LocalClient
from training_pipeline.domain import job_id as ids
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.schemas.diff import TrainingJobDiff

router = APIRouter(tags=["training jobs"])

MOST_PAIRS: Final = 10_000
OtherJobId = Annotated[
    str,
    Path(pattern=ids.PATTERN, description="Id of the second training job.", examples=["tj-20261123-072145-9f3a2c"]),
]


@router.get("/jobs/{job_id}/diff/{other_job_id}", operation_id="diffTrainingJobs")
def diff_training_jobs(
    client: Annotated[LocalClient, client_for(LocalClient.diff)],
    job_id: JobId,
    other_job_id: OtherJobId,
    changes: Annotated[
        list[PairChange] | None, Query(description="Filter: pairs that changed in one of these ways.")
    ] = None,
    page_size: Annotated[
        int, Query(ge=1, le=MOST_PAIRS, description="Maximum number of pairs per page.", examples=[100])
    ] = 100,
    cursor: Cursor = None,
) -> TrainingJobDiff:
    """What changed from one job to another: pairs, with who decided, and everything else on record."""
    return client.diff(job_id, other_job_id, changes=changes or (), page_size=page_size, cursor=cursor)
