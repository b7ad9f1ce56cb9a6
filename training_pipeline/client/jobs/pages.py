"""Pages of jobs, events and the pairs in a lineage record, each with the cursor to the next one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from training_pipeline.domain.job import ACTIVE
from training_pipeline.domain.refs import required
from training_pipeline.schemas import paging
from training_pipeline.schemas.event import TrainingJobEvent, TrainingJobEventPage
from training_pipeline.schemas.training_job import ActiveTrainingJobs, TrainingJobPage
from training_pipeline.training_jobs.store.queries import JobSort

if TYPE_CHECKING:
    from training_pipeline.client.jobs.base import Pairs
    from training_pipeline.domain.job import JobStatus
    from training_pipeline.domain.job import TrainingJob as StoredJob
    from training_pipeline.schemas.lineage import TrainingJobLineage
    from training_pipeline.schemas.training_job import TrainingJob
    from training_pipeline.training_jobs.store.jobs import JobStore


def job_page(
    store: JobStore,
    shown: Callable[[StoredJob], TrainingJob],
    *,
    statuses: Collection[JobStatus],
    training_sheet_id: str | None = None,
    created_by: str | None = None,
    search: str | None = None,
    tainted: bool = False,
    tags: Collection[str] = (),
    sort: JobSort = JobSort.CREATED_AT,
    descending: bool = True,
    page: int | None = None,
    page_size: int,
    cursor: str | None,
) -> TrainingJobPage:
    """The jobs of one page, each as `shown` makes it. Raises `InvalidParameter` for a cursor that leads nowhere."""
    newest_first = (sort, descending) == (JobSort.CREATED_AT, True)
    if cursor is not None and not newest_first:
        raise paging.invalid("cursor", "cursor_and_sort", "goes with the order newest first only; use page")
    window = paging.Window.of(paging.JobPosition, page=page, page_size=page_size, cursor=cursor)
    found, total = store.list(
        statuses=statuses,
        training_sheet_id=training_sheet_id,
        created_by=created_by,
        search=search,
        tainted=tainted,
        tags=tags,
        sort=sort,
        descending=descending,
        limit=window.limit,
        offset=window.offset,
        after=None if window.start is None else (window.start.created_at, window.start.id),
    )
    further = window.next_cursor(found, lambda last: paging.JobPosition(created_at=last.created_at, id=last.id))
    return TrainingJobPage(
        jobs=[shown(job) for job in window.shown(found)],
        total=total,
        page=window.page,
        page_size=page_size,
        next_cursor=further if newest_first else None,
    )


def active_page(
    store: JobStore, shown: Callable[[StoredJob], TrainingJob], *, page_size: int | None, cursor: str | None
) -> ActiveTrainingJobs:
    """The jobs that have not ended: all of them, or those of one page where a size or a cursor is given.

    Raises `InvalidParameter` for a cursor that leads nowhere.
    """
    if page_size is None and cursor is None:
        found, total = store.list(statuses=ACTIVE, limit=None)
        return ActiveTrainingJobs(jobs=[shown(job) for job in found], total=total, next_cursor=None)
    page = job_page(store, shown, statuses=ACTIVE, page_size=page_size or 50, cursor=cursor)
    return ActiveTrainingJobs(jobs=page.jobs, total=page.total, next_cursor=page.next_cursor)


def event_page(
    store: JobStore, job_id: str, *, page: int | None, page_size: int, cursor: str | None
) -> TrainingJobEventPage:
    """A job's events of one page. Raises `NotFound`, and `InvalidParameter` for a cursor that leads nowhere."""
    window = paging.Window.of(paging.EventPosition, page=page, page_size=page_size, cursor=cursor)
    store.get(job_id)
    found, total = store.events(
        job_id,
        limit=window.limit,
        offset=window.offset,
        before=None if window.start is None else window.start.id,
    )
    return TrainingJobEventPage(
        events=[TrainingJobEvent.model_validate(event) for event in window.shown(found)],
        total=total,
        page=window.page,
        page_size=page_size,
        next_cursor=window.next_cursor(found, lambda last: paging.EventPosition(id=last.id)),
    )


def lineage_page(
    store: JobStore, job_id: str, *, pairs: Pairs | None, search: str | None, page_size: int, cursor: str | None
) -> TrainingJobLineage:
    """The lineage record with one page of its pairs: of both sides of the split where `pairs` is None.

    Raises `NotFound`, and `InvalidParameter` for a cursor of another job or other pairs.
    """
    from training_pipeline.datasets.manifest_page import manifest_page
    from training_pipeline.schemas.lineage import TrainingJobLineage
    from training_pipeline.training_jobs.store import lineage

    job = store.get(job_id)
    record = lineage.read(store, job_id)
    dataset, part = required(job.data.dataset, "dataset"), pairs or "included"
    start = paging.PairPosition(dataset=dataset.digest, part=part, row=0)
    if cursor is not None:
        given = paging.decode(paging.PairPosition, cursor)
        if (given.dataset, given.part) != (start.dataset, start.part):
            raise paging.invalid("cursor", "bad_cursor", "must be of this job, and of the same `pairs`")
        start = given
    page = manifest_page(dataset, part, start=start.row, limit=page_size, search=search or "")
    further = None if page.next_row is None else start.model_copy(update={"row": page.next_row})
    return TrainingJobLineage.of(record, dataset, page, None if further is None else paging.encode(further))
