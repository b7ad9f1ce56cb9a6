"""Collects the requested number of rows over as many pages of the REST API as needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from training_pipeline.schemas.paging import MOST_ROWS

if TYPE_CHECKING:
    from training_pipeline.schemas.event import TrainingJobEventPage
    from training_pipeline.schemas.model_version import ModelVersionPage
    from training_pipeline.schemas.study import Studies
    from training_pipeline.schemas.training_job import TrainingJobPage

P = TypeVar("P", "TrainingJobPage", "TrainingJobEventPage", "ModelVersionPage", "Studies")


def rows(fetch: Callable[[int, str | None], P], field: str, *, limit: int, cursor: str | None) -> P:
    """One page of at most `limit` rows. `fetch` is given a page's size and a cursor; `field` is where the rows are."""
    page: P = fetch(min(limit, MOST_ROWS), cursor)
    found = [*getattr(page, field)]
    last: P = page
    while last.next_cursor is not None and len(found) < limit:
        last = fetch(min(limit - len(found), MOST_ROWS), last.next_cursor)
        found += getattr(last, field)
    return page.model_copy(update={field: found, "page_size": limit, "next_cursor": last.next_cursor})
