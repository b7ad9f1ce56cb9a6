from __future__ import annotations

from dataclasses import replace

import pytest

from training_pipeline.domain.errors import BackendDenied, BackendUnreachable, NotFound, Unavailable
from training_pipeline.training_jobs import backoff


def test_the_pauses_of_a_job_are_these() -> None:
    assert [backoff.RUNS.pause(attempt) for attempt in (1, 2, 3, 7, 50)] == [5.0, 10.0, 20.0, 300.0, 300.0]
    assert [backoff.POLLS.pause(errors) for errors in (1, 2, 3, 9, 5000)] == [2.0, 4.0, 8.0, 300.0, 300.0]


def test_a_job_waits_for_as_long_as_is_stated_counted_in_pauses() -> None:
    runs = replace(backoff.RUNS, deadline=35.0)  # 5, 10 and 20 s
    assert [runs.gives_up(attempt) for attempt in (3, 4)] == [False, True]
    day = replace(backoff.POLLS, deadline=86400.0)
    last = next(errors for errors in range(1, 1000) if day.gives_up(errors))
    assert 86400.0 < backoff.POLLS.waited(last) <= 86400.0 + 300.0


@pytest.mark.parametrize(
    ("error", "waited_for"),
    [
        (BackendUnreachable("x"), True),
        (BackendDenied("x"), True),
        (Unavailable("x"), False),
        (NotFound("x"), False),
        (RuntimeError("x"), False),
    ],
)
def test_only_an_outage_is_waited_for(error: Exception, waited_for: bool) -> None:
    assert backoff.is_outage(error) is waited_for
