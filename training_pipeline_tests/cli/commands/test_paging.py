from __future__ import annotations

import pytest

from training_pipeline.cli.commands.paging import rows
from training_pipeline.schemas.event import TrainingJobEventPage
from training_pipeline.schemas.paging import MOST_ROWS
from training_pipeline.testing.jobs.api_answers import event

EVENTS = [event(number) for number in range(450)]


class Service:
    """Pages of 450 events; cursors are places in the list."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def page(self, size: int, cursor: str | None) -> TrainingJobEventPage:
        assert 0 < size <= MOST_ROWS
        self.asked.append(size)
        start = int(cursor or 0)
        following = str(start + size) if start + size < len(EVENTS) else None
        found = EVENTS[start : start + size]
        return TrainingJobEventPage(events=found, total=450, page=None, page_size=size, next_cursor=following)


@pytest.mark.parametrize(
    ("limit", "asked", "following"),
    [(20, [20], "20"), (200, [200], "200"), (250, [200, 50], "250"), (450, [200, 200, 50], None)],
)
def test_as_many_rows_as_were_asked_for(limit: int, asked: list[int], following: str | None) -> None:
    service = Service()
    page = rows(service.page, "events", limit=limit, cursor=None)
    assert service.asked == asked
    assert [one.id for one in page.events] == list(range(limit))
    assert (page.page_size, page.next_cursor, page.total) == (limit, following, 450)


def test_it_goes_on_at_a_cursor_and_ends_where_there_are_no_more() -> None:
    page = rows(Service().page, "events", limit=1000, cursor="440")
    assert [one.id for one in page.events] == list(range(440, 450))
    assert page.next_cursor is None
