"""All steps of a job's metrics, over any client, and as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Final, TextIO

from training_pipeline.client.jobs.base import Jobs
from training_pipeline.schemas.metrics import MetricPoint
from training_pipeline.training_jobs.store.metric_series import FIRST_STEP, LAST_STEP

#: The most steps that the REST API gives at once.
MOST_POINTS: Final = 10_000


def every_step(
    client: Jobs, job_id: str, from_step: int = FIRST_STEP, to_step: int = LAST_STEP
) -> Iterator[MetricPoint]:
    """Every measured step of the range, in order; a range with too many steps is fetched in halves."""
    found = client.metrics(job_id, from_step=from_step, to_step=to_step, resolution=MOST_POINTS)
    if not found.sampled:
        yield from found.series
        return
    middle = (found.series[0].step + found.series[-1].step) // 2
    yield from every_step(client, job_id, from_step, middle)
    yield from every_step(client, job_id, middle + 1, to_step)


def write_csv(client: Jobs, job_id: str, to: TextIO, *, from_step: int = FIRST_STEP, to_step: int = LAST_STEP) -> None:
    """Write a row a step, with the fields of `MetricPoint` as columns. Raises what `metrics` does."""
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(MetricPoint.model_fields)
    for point in every_step(client, job_id, from_step, to_step):
        writer.writerow(point.model_dump(mode="json").values())
