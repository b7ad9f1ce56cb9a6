"""What happened to a job: its events in pages. Their live stream belongs here too."""

from __future__ import annotations

from fastapi import APIRouter

from training_pipeline.api import paging
from training_pipeline.api.deps import VIEWER, JobId, Parts
from training_pipeline.api.schemas.event import TrainingJobEvent, TrainingJobEventPage

router = APIRouter(tags=["training jobs"])


@router.get("/jobs/{job_id}/events", operation_id="getTrainingJobEvents", dependencies=[VIEWER])
def get_training_job_events(
    services: Parts,
    job_id: JobId,
    page: paging.PageNumber = None,
    page_size: paging.PageRows = 50,
    cursor: paging.Cursor = None,
) -> TrainingJobEventPage:
    """A job's events, newest first."""
    number = paging.page_number(page, cursor)
    place = None if cursor is None else paging.decode(paging.EventPosition, cursor)
    services.jobs.get(job_id)
    events, total = services.store.events(
        job_id,
        limit=page_size + 1,
        offset=0 if place else (number - 1) * page_size,
        before=None if place is None else place.id,
    )
    shown, more = events[:page_size], len(events) > page_size
    return TrainingJobEventPage(
        events=[TrainingJobEvent.model_validate(event) for event in shown],
        total=total,
        page=None if place else number,
        page_size=page_size,
        next_cursor=paging.encode(paging.EventPosition(id=shown[-1].id)) if more else None,
    )
