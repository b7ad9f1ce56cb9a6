"""The metric series of a job: one row a step, filled in as points arrive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.backends.base import MetricPoint
from training_pipeline.domain.job import TrainingJob
from training_pipeline.training_jobs.notifications import announce
from training_pipeline.training_jobs.store import JobStore
from training_pipeline.training_jobs.tables import training_job_metrics

SERIES: Final = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "learning_rate", "grad_norm")
_LATEST: Final = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")


def add_points(store: JobStore, job: TrainingJob, points: Sequence[MetricPoint], next_offset: int) -> bool:
    """Store points and move the job's offset on, in one transaction.

    False, and nothing is written, if another poller has moved the offset meanwhile.
    """
    with store.begin() as connection:
        values = {"metrics_offset": next_offset, **latest(points)}
        where = {"metrics_offset": job.metrics_offset}
        if store.within(connection).update(job.id, values, where=where) is None:
            return False
        write_points(connection, job.id, points)
    return True


def latest(points: Iterable[MetricPoint]) -> dict[str, float]:
    """The columns of a job that show the last value of a series, for those that have one here. Pure."""
    return {point.name: point.value for point in points if point.name in _LATEST}


def write_points(connection: Connection, job_id: str, points: Iterable[MetricPoint]) -> None:
    """Store and announce points within the caller's transaction; those of a step are merged into its row. Idempotent."""
    rows: dict[int, dict[str, Any]] = defaultdict(dict)
    for point in points:
        row = rows[point.step]
        row["measured_at"] = datetime.fromtimestamp(point.time, UTC)
        if point.name in SERIES:
            row[point.name] = point.value
        for name in ("epoch", "tokens"):
            if getattr(point, name) is not None:
                row[name] = getattr(point, name)
    if not rows:
        return
    announce(connection, job_id)
    columns = [*SERIES, "epoch", "tokens"]
    blank = dict.fromkeys(columns)
    statement = insert(training_job_metrics).values(
        [{"job_id": job_id, "step": step, **blank, **values} for step, values in sorted(rows.items())]
    )
    table, new = training_job_metrics.c, statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["job_id", "step"],
            set_={
                **{name: func.coalesce(new[name], table[name]) for name in columns},
                "measured_at": new.measured_at,
            },
        )
    )


def series(store: JobStore, job_id: str) -> pd.DataFrame:
    """All steps of a job, by step; columns `step`, those of `SERIES`, `epoch` (float) and `tokens` (Int64). Reads."""
    table = training_job_metrics.c
    columns = [table.step, *(table[name] for name in SERIES), table.epoch, table.tokens]
    with store.begin() as connection:
        rows = connection.execute(select(*columns).where(table.job_id == job_id).order_by(table.step)).all()
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    floats = dict.fromkeys((*SERIES, "epoch"), "float64")
    return frame.astype({"step": "int64", **floats, "tokens": "Int64"})
