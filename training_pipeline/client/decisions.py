"""Decisions as the client of this installation gives them."""

from __future__ import annotations

from training_pipeline.models.revocations.decisions import Decisions
from training_pipeline.schemas import paging
from training_pipeline.schemas.decision import Decision, DecisionPage


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
    number = paging.page_number(page, cursor)
    start = None if cursor is None else paging.decode(paging.NumberPosition, cursor)
    found, total = decisions.page(
        name=model_name,
        version=model_version,
        limit=page_size + 1,
        offset=0 if start else (number - 1) * page_size,
        before=None if start is None else start.number,
    )
    shown, more = found[:page_size], len(found) > page_size
    return DecisionPage(
        decisions=[Decision.of(one) for one in shown],
        total=total,
        page=None if start else number,
        page_size=page_size,
        next_cursor=paging.encode(paging.NumberPosition(number=shown[-1].number)) if more else None,
    )
