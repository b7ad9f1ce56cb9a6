"""The values by which the list of jobs can be filtered, with their counts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select

from training_pipeline.domain.job import JobStatus
from training_pipeline.training_jobs.store.job_counts import counted_by_status
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.queries import matching
from training_pipeline.training_jobs.store.tables import training_jobs

#: So many tags are offered at most.
MOST_TAGS: Final = 200


@dataclass(frozen=True, slots=True)
class Facets:
    """Jobs by status (every status is named), the training sheets that have jobs, who created any, and their tags.

    Each is told of the jobs that the other filters leave: so none that is offered leads to an empty list.
    """

    statuses: dict[JobStatus, int]
    training_sheet_ids: tuple[str, ...]
    creators: tuple[str, ...]
    #: The first of them.
    tags: tuple[str, ...] = ()


def facets(
    store: JobStore,
    *,
    statuses: Collection[JobStatus] = (),
    training_sheet_id: str | None = None,
    created_by: str | None = None,
    search: str | None = None,
    tags: Collection[str] = (),
) -> Facets:
    """The values in use now, in order; four questions in one transaction. Reads. Indexes answer all but a search."""
    table = training_jobs.c
    also: dict[str, Any] = {"search": search, "tags": tags}
    of_status = matching(training_sheet_id=training_sheet_id, created_by=created_by, **also)
    of_sheet = matching(statuses=statuses, created_by=created_by, **also)
    of_creator = matching(statuses=statuses, training_sheet_id=training_sheet_id, **also)
    of_tag = matching(statuses=statuses, training_sheet_id=training_sheet_id, created_by=created_by, search=search)
    by_status = select(table.status, func.count()).where(*of_status).group_by(table.status)
    sheets = select(table.training_sheet_id).where(*of_sheet).distinct().order_by(table.training_sheet_id)
    creators = select(table.created_by).where(*of_creator).distinct().order_by(table.created_by)
    one = func.unnest(table.tags).label("tag")
    tagged = select(one).where(*of_tag, table.tags != []).distinct().order_by(one).limit(MOST_TAGS)
    with store.begin() as connection:
        counts = dict(connection.execute(by_status if of_status else counted_by_status()).tuples().all())
        found = [tuple(connection.scalars(query)) for query in (sheets, creators, tagged)]
    return Facets({status: counts.get(status, 0) for status in JobStatus}, *found)
