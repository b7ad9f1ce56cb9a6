"""Revocations as the client of this installation gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training_pipeline.models.revocations import read
from training_pipeline.schemas import paging
from training_pipeline.schemas.revocation import Revocation, RevocationPage

if TYPE_CHECKING:
    from training_pipeline.training_jobs.store.jobs import JobStore


def revocation_page(
    store: JobStore, *, job_id: str | None, page: int | None, page_size: int, cursor: str | None
) -> RevocationPage:
    """The revocations of one page. Raises `InvalidParameter` for a cursor that leads nowhere."""
    window = paging.Window.of(paging.NumberPosition, page=page, page_size=page_size, cursor=cursor)
    found, total = read.page(
        store,
        job_id=job_id,
        limit=window.limit,
        offset=window.offset,
        before=None if window.start is None else window.start.number,
    )
    return RevocationPage(
        revocations=[Revocation.of(one) for one in window.shown(found)],
        total=total,
        page=window.page,
        page_size=page_size,
        next_cursor=window.next_cursor(found, lambda last: paging.NumberPosition(number=last.revocation.number)),
    )
