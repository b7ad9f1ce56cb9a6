"""The metric series of a job: one row a step, filled in as points arrive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.backends.base import MetricPoint
from training_pipeline.domain.job import TrainingJob
from training_pipeline.training_jobs.notifications import announce
from training_pipeline.training_jobs.store import JobStore
from training_pipeline.training_jobs.tables import training_job_metrics, training_jobs

SERIES: Final = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "learning_rate", "grad_norm")
_LATEST: Final = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")


def add_points(store: JobStore, job: TrainingJob, points: Iterable[MetricPoint], next_offset: int) -> bool:
    """Store points and move the job's offset on, in one transaction.

    False, and nothing is written, if another poller has moved the offset meanwhile. Points of a step are merged into
    its row, so storing them twice changes nothing.
    """
    rows: dict[int, dict[str, Any]] = defaultdict(dict)
    latest: dict[str, float] = {}
    for point in points:
        row = rows[point.step]
        row["measured_at"] = datetime.fromtimestamp(point.time, UTC)
        if point.name in SERIES:
            row[point.name] = point.value
        for name in ("epoch", "tokens"):
            if getattr(point, name) is not None:
                row[name] = getattr(point, name)
        if point.name in _LATEST:
            latest[point.name] = point.value
    with store.begin() as connection:
        moved = connection.execute(
            update(training_jobs)
            .where(training_jobs.c.id == job.id, training_jobs.c.metrics_offset == job.metrics_offset)
            .values(metrics_offset=next_offset, updated_at=func.clock_timestamp(), **latest)
            .returning(training_jobs.c.id)
        ).first()
        if moved is None:
            return False
        if rows:
            announce(connection, job.id)
            columns = [*SERIES, "epoch", "tokens"]
            blank = dict.fromkeys(columns)
            statement = insert(training_job_metrics).values(
                [{"job_id": job.id, "step": step, **blank, **values} for step, values in sorted(rows.items())]
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
    return True


def series(store: JobStore, job_id: str) -> pd.DataFrame:
    """All steps of a job, by step; columns `step`, those of `SERIES`, `epoch` (float) and `tokens` (Int64). Reads."""
    table = training_job_metrics.c
    columns = [table.step, *(table[name] for name in SERIES), table.epoch, table.tokens]
    with store.begin() as connection:
        rows = connection.execute(select(*columns).where(table.job_id == job_id).order_by(table.step)).all()
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    floats = dict.fromkeys((*SERIES, "epoch"), "float64")
    return frame.astype({"step": "int64", **floats, "tokens": "Int64"})
