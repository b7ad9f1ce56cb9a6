"""All steps of a job, asked for in stretches, and as a file."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.client.jobs.base import Jobs
from training_pipeline.client.jobs.every_step import every_step, write_csv
from training_pipeline.schemas.metrics import MetricPoint

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def client(steps: list[int], most: int) -> Jobs:
    """A client that gives at most so many steps at once: the first and the last of more."""

    def metrics(job_id: str, *, from_step: int, to_step: int, resolution: int) -> Any:
        wanted = [step for step in steps if from_step <= step <= to_step]
        shown = wanted if len(wanted) <= most else [wanted[0], wanted[-1]]
        series = [
            MetricPoint.model_validate({**dict.fromkeys(MetricPoint.model_fields), "step": each, "measured_at": NOW})
            for each in shown
        ]
        return SimpleNamespace(series=series, sampled=len(wanted) > most)

    return cast("Jobs", SimpleNamespace(metrics=metrics))


@given(st.sets(st.integers(0, 10_000), max_size=40), st.integers(2, 9))
def test_no_step_is_lost_and_none_comes_twice(steps: set[int], most: int) -> None:
    assert [point.step for point in every_step(client(sorted(steps), most), "tj-1")] == sorted(steps)


def test_the_file_has_a_row_a_step_under_the_names_of_the_fields() -> None:
    text = io.StringIO()
    write_csv(client([1, 2, 3], 2), "tj-1", text, from_step=2)
    rows = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert list(rows[0]) == list(MetricPoint.model_fields)
    assert [(row["step"], row["val_loss"]) for row in rows] == [("2", ""), ("3", "")]
