"""Pages of jobs and of events, newest first: a page and the total in one query.

A page starts after a number of rows, or after a position. Positions never skip or repeat a row while others are being
added: what a page is ordered by never changes, and what is added comes before the first page.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, true, tuple_

from training_pipeline.domain.job import JobStatus
from training_pipeline.training_jobs.store.job_counts import counted
from training_pipeline.training_jobs.store.tables import training_job_events, training_jobs

#: The column that holds the total beside those of the table.
TOTAL = "total_rows"


class JobSort(StrEnum):
    """What a list of jobs may be ordered by. Only the order by creation has positions; see `jobs`."""

    CREATED_AT = "created_at"
    MODEL_NAME = "model_name"
    TRAINING_SHEET = "training_sheet_name"
    STATUS = "status"
    PROGRESS = "progress_percent"
    TRAIN_LOSS = "train_loss"
    VAL_LOSS = "val_loss"
    DURATION = "duration_seconds"
    CREATED_BY = "created_by"


#: Where a search looks for its text.
SEARCHED: Final = ("id", "model_name", "training_sheet_id", "training_sheet_name", "base_model", "created_by")

#: The references that the assets exchange: most of a row's bytes, and no list shows them.
REFERENCES: Final = ("sheet", "snapshot", "dataset")
_LISTED: Final = [column for column in training_jobs.c if column.name not in REFERENCES]


def matching(
    *,
    statuses: Collection[JobStatus] = (),
    training_sheet_id: str | None = None,
    created_by: str | None = None,
    search: str | None = None,
    tainted: bool = False,
    tags: Collection[str] = (),
) -> list[ColumnElement[bool]]:
    """The conditions of jobs that pass every filter."""
    table = training_jobs.c
    matches: list[ColumnElement[bool]] = []
    if statuses:
        matches.append(table.status.in_(sorted(statuses)))
    if training_sheet_id is not None:
        matches.append(table.training_sheet_id == training_sheet_id)
    if created_by is not None:
        matches.append(table.created_by == created_by)
    if tainted:
        matches.append(table.tainted_at.is_not(None))
    if tags:
        matches.append(table.tags.contains(sorted(tags)))
    if search:
        matches.append(or_(*(table[name].icontains(search, autoescape=True) for name in SEARCHED)))
    return matches


def jobs(
    *,
    statuses: Collection[JobStatus] = (),
    training_sheet_id: str | None = None,
    created_by: str | None = None,
    search: str | None = None,
    tainted: bool = False,
    tags: Collection[str] = (),
    sort: JobSort = JobSort.CREATED_AT,
    descending: bool = True,
    limit: int | None = None,
    offset: int = 0,
    after: tuple[datetime, str] | None = None,
) -> Select[Any]:
    """Jobs that pass every filter, by (created_at, id) downward; `after` is such a pair.

    Ids are chosen within an index, which holds every filter's column; only the rows of the page are read, without their
    `REFERENCES`. Without a filter but the status, the total is known, and jobs are not counted. A search and any other
    order read every job that passes the filters; jobs without a value come last.
    """
    table = training_jobs.c
    matches = matching(
        statuses=statuses,
        training_sheet_id=training_sheet_id,
        created_by=created_by,
        search=search,
        tainted=tainted,
        tags=tags,
    )
    first = table[sort].desc() if descending else table[sort].asc()
    order = [] if sort is JobSort.CREATED_AT else [first.nulls_last()]
    newest = descending or sort is not JobSort.CREATED_AT
    order += [column.desc() if newest else column.asc() for column in (table.created_at, table.id)]
    further = (
        [] if after is None else [tuple_(table.created_at, table.id) < tuple_(literal(after[0]), literal(after[1]))]
    )
    of_status_alone = len(matches) == bool(statuses)
    counting = select(func.count().label(TOTAL)).select_from(training_jobs).where(*matches)
    total = (counted(TOTAL, statuses) if of_status_alone else counting).subquery("total")
    page = select(table.id).where(*matches, *further).order_by(*order).limit(limit).offset(offset).subquery("page")
    return (
        select(total.c[TOTAL], *_LISTED)
        .select_from(total.outerjoin(page, true()).outerjoin(training_jobs, table.id == page.c.id))
        .order_by(*order)
    )


def events(
    job_id: str, *, limit: int | None = None, offset: int = 0, newest_first: bool = True, before: int | None = None
) -> Select[Any]:
    """A job's events by id, downward unless told otherwise; `before` keeps those with a smaller id."""
    table = training_job_events.c
    of_job = table.job_id == job_id
    further = of_job if before is None else and_(of_job, table.id < before)
    total = select(func.count().label(TOTAL)).select_from(training_job_events).where(of_job).subquery("total")
    order = table.id.desc() if newest_first else table.id.asc()
    page = select(training_job_events).where(further).order_by(order).limit(limit).offset(offset).subquery("page")
    by_id = page.c.id.desc() if newest_first else page.c.id.asc()
    return select(total.c[TOTAL], page).select_from(total.outerjoin(page, true())).order_by(by_id)
