"""The lineage record of a job, with its pairs in pages."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import Cursor, JobId
from training_pipeline.client.jobs.base import Pairs
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.lineage import TrainingJobLineage

router = APIRouter(tags=["training jobs"])

MOST_PAIRS: Final = 10_000
SEARCH = "Filter: text in the id of the pair, its item or its canonical label."
PAIRS = Query(description="Which pairs to list: one split, or the excluded pairs. Default: both splits.")


@router.get("/jobs/{job_id}/lineage", operation_id="getTrainingJobLineage")
def get_training_job_lineage(
    client: Annotated[LocalClient, client_for(LocalClient.lineage)],
    job_id: JobId,
    pairs: Annotated[Pairs | None, PAIRS] = None,
    search: Annotated[str | None, Query(max_length=200, description=SEARCH, examples=["p-0001"])] = None,
    page_size: Annotated[
        int, Query(ge=1, le=MOST_PAIRS, description="Maximum number of pairs per page.", examples=[1000])
    ] = 1000,
    cursor: Cursor = None,
) -> TrainingJobLineage:
    """What exactly the job was trained on, and who allowed it."""
    return client.lineage(job_id, pairs=pairs, search=search, page_size=page_size, cursor=cursor)
