"""Revocations as the client of this installation gives them."""

from __future__ import annotations

from training_pipeline.models.revocations import read
from training_pipeline.schemas import paging
from training_pipeline.schemas.revocation import Revocation, RevocationPage
from training_pipeline.training_jobs.store.jobs import JobStore


def revocation_page(
    store: JobStore, *, job_id: str | None, page: int | None, page_size: int, cursor: str | None
) -> RevocationPage:
    """The revocations of one page. Raises `InvalidParameter` for a cursor that leads nowhere."""
    number = paging.page_number(page, cursor)
    start = None if cursor is None else paging.decode(paging.NumberPosition, cursor)
    found, total = read.page(
        store,
        job_id=job_id,
        limit=page_size + 1,
        offset=0 if start else (number - 1) * page_size,
        before=None if start is None else start.number,
    )
    shown, more = found[:page_size], len(found) > page_size
    last = paging.NumberPosition(number=shown[-1].revocation.number) if more else None
    return RevocationPage(
        revocations=[Revocation.of(one) for one in shown],
        total=total,
        page=None if start else number,
        page_size=page_size,
        next_cursor=None if last is None else paging.encode(last),
    )
