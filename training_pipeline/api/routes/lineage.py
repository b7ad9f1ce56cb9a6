"""The lineage record of a job, with its pairs in pages."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query

from training_pipeline.api.deps import VIEWER, JobId, Parts
from training_pipeline.datasets.manifest_page import manifest_page
from training_pipeline.domain.refs import required
from training_pipeline.schemas import paging
from training_pipeline.schemas.lineage import AssetRecord, LineagePair, TrainingJobLineage
from training_pipeline.training_jobs.store import lineage

router = APIRouter(tags=["training jobs"])

MOST_PAIRS: Final = 10_000
SEARCH = "Only pairs with this text in the id of the pair, its item or its canonical label."
PAIRS = Query(description="Which pairs to list: of one side, or those left out; both sides where not given.")


@router.get("/jobs/{job_id}/lineage", operation_id="getTrainingJobLineage", dependencies=[VIEWER])
def get_training_job_lineage(
    services: Parts,
    job_id: JobId,
    pairs: Annotated[Literal["train", "validation", "excluded"] | None, PAIRS] = None,
    search: Annotated[str | None, Query(max_length=200, description=SEARCH, examples=["p-0001"])] = None,
    page_size: Annotated[int, Query(ge=1, le=MOST_PAIRS, description="Most pairs on a page.", examples=[1000])] = 1000,
    cursor: paging.Cursor = None,
) -> TrainingJobLineage:
    """What exactly the job was trained on, and who allowed it."""
    job = services.jobs.get(job_id)
    record = lineage.read(services.store, job_id)
    dataset, part = required(job.data.dataset, "dataset"), pairs or "included"
    place = paging.PairPosition(dataset=dataset.digest, part=part, row=0)
    if cursor is not None:
        given = paging.decode(paging.PairPosition, cursor)
        if (given.dataset, given.part) != (place.dataset, place.part):
            raise paging.bad_query("cursor", "bad_cursor", "Must be of this job, and of the same `pairs`")
        place = given
    page = manifest_page(dataset, part, start=place.row, limit=page_size, search=search or "")
    shown = [LineagePair.model_validate(row) for row in page.rows.to_pylist()]
    further = None if page.next_row is None else place.model_copy(update={"row": page.next_row})
    return TrainingJobLineage(
        **record.model_dump(exclude={"assets", "dataset_path"}),
        assets=[AssetRecord(asset_key=key, **found.model_dump()) for key, found in sorted(record.assets.items())],
        train_pairs=dataset.train_pairs,
        validation_pairs=dataset.validation_pairs,
        excluded_pairs=sum(dataset.summary.excluded.values()),
        canonical_labels=dataset.canonical_labels,
        pairs=shown,
        qa_pair_ids=[pair.pair_id for pair in shown if pair.pair_id is not None],
        canonical_label_ids=sorted({pair.canonical_label_id for pair in shown} - {None}),
        next_cursor=None if further is None else paging.encode(further),
    )
