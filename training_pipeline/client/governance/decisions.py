"""Decisions as the client of this installation gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training_pipeline.schemas import paging
from training_pipeline.schemas.decision import Decision, DecisionPage

if TYPE_CHECKING:
    from training_pipeline.models.revocations.decisions import Decisions


def decision_page(
    decisions: Decisions,
    *,
    model_name: str | None,
    model_version: str | None,
    page: int | None,
    page_size: int,
    cursor: str | None,
) -> DecisionPage:
    """The decisions of one page. Raises `InvalidParameter` for a cursor that leads nowhere."""
    window = paging.Window.of(paging.NumberPosition, page=page, page_size=page_size, cursor=cursor)
    found, total = decisions.page(
        name=model_name,
        version=model_version,
        limit=window.limit,
        offset=window.offset,
        before=None if window.start is None else window.start.number,
    )
    by_job = decisions.in_force({one.job_id for one in found})
    return DecisionPage(
        decisions=[Decision.of(one, by_job) for one in window.shown(found)],
        total=total,
        page=window.page,
        page_size=page_size,
        next_cursor=window.next_cursor(found, lambda last: paging.NumberPosition(number=last.number)),
    )
