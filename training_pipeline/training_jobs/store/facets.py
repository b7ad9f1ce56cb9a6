"""The values by which the list of jobs can be filtered, with their counts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select

from training_pipeline.domain.job import JobStatus
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.queries import matching
from training_pipeline.training_jobs.store.tables import training_jobs


@dataclass(frozen=True, slots=True)
class Facets:
    """Jobs by status (every status is named), the training sheets that have jobs, and who created any.

    Each is told of the jobs that the other filters leave: so none that is offered leads to an empty list.
    """

    statuses: dict[JobStatus, int]
    training_sheet_ids: tuple[str, ...]
    creators: tuple[str, ...]


def facets(
    store: JobStore,
    *,
    statuses: Collection[JobStatus] = (),
    training_sheet_id: str | None = None,
    created_by: str | None = None,
    search: str | None = None,
) -> Facets:
    """The values in use now, in order; three questions in one transaction. Reads. Indexes answer all but a search."""
    table = training_jobs.c
    of_status = matching(training_sheet_id=training_sheet_id, created_by=created_by, search=search)
    of_sheet = matching(statuses=statuses, created_by=created_by, search=search)
    of_creator = matching(statuses=statuses, training_sheet_id=training_sheet_id, search=search)
    counted = select(table.status, func.count()).where(*of_status).group_by(table.status)
    sheets = select(table.training_sheet_id).where(*of_sheet).distinct().order_by(table.training_sheet_id)
    creators = select(table.created_by).where(*of_creator).distinct().order_by(table.created_by)
    with store.begin() as connection:
        counts = dict(connection.execute(counted).tuples().all())
        found = tuple(connection.scalars(sheets)), tuple(connection.scalars(creators))
    return Facets({status: counts.get(status, 0) for status in JobStatus}, *found)
