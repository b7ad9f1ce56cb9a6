"""The metric series of a job: one row a step, filled in as points arrive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.backends.metric_point import SYSTEM, MetricPoint
from training_pipeline.domain.job import TrainingJob
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.machine_samples import add_to_sample, write_samples
from training_pipeline.training_jobs.store.notify import announce
from training_pipeline.training_jobs.store.tables import training_job_metrics

if TYPE_CHECKING:
    import pandas as pd

SERIES: Final = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "learning_rate", "grad_norm")
_COLUMNS: Final = (*SERIES, "epoch", "tokens")
_LATEST: Final = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")


def add_points(store: JobStore, job: TrainingJob, points: Sequence[MetricPoint], next_offset: int) -> bool:
    """Store points and move the job's offset on, in one transaction.

    False, and nothing is written, if another poller has moved the offset meanwhile.
    """
    with store.begin() as connection:
        values = {"metrics_offset": next_offset, **latest(points)}
        where = {"metrics_offset": job.polling.metrics_offset}
        if store.within(connection).update(job.id, values, where=where) is None:
            return False
        write_points(connection, {job.id: points})
    return True


def latest(points: Iterable[MetricPoint]) -> dict[str, float]:
    """The columns of a job that show the last value of a series, for those that have one here."""
    return {point.name: point.value for point in points if point.name in _LATEST}


def write_points(connection: Connection, points: Mapping[str, Sequence[MetricPoint]]) -> None:
    """Store points, by job id, within the caller's transaction and in a statement, and announce them. Idempotent.

    Those of a step are merged into its row; samples of the machine have a table of their own.
    """
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    samples: dict[tuple[str, int], dict[str, Any]] = {}
    for job_id, point in ((job_id, point) for job_id, found in points.items() for point in found):
        if point.name.startswith(SYSTEM):
            add_to_sample(samples, job_id, point)
            continue
        blank = {"job_id": job_id, "step": point.step, **dict.fromkeys(_COLUMNS)}
        row = rows.setdefault((job_id, point.step), blank)
        row["measured_at"] = datetime.fromtimestamp(point.time, UTC)
        if point.name in SERIES:
            row[point.name] = point.value
        for name in ("epoch", "tokens"):
            if getattr(point, name) is not None:
                row[name] = getattr(point, name)
    if samples:
        write_samples(connection, samples)
    if rows:
        _write_rows(connection, rows)
    if rows or samples:
        announce(connection, *points)


def _write_rows(connection: Connection, rows: Mapping[tuple[str, int], dict[str, Any]]) -> None:
    statement = insert(training_job_metrics)
    table, new = training_job_metrics.c, statement.excluded
    merged = {name: func.coalesce(new[name], table[name]) for name in _COLUMNS}
    merge = statement.on_conflict_do_update(
        index_elements=["job_id", "step"], set_={**merged, "measured_at": new.measured_at}
    )
    connection.execute(merge, [rows[key] for key in sorted(rows)])


def series(store: JobStore, job_id: str) -> pd.DataFrame:
    """All steps of a job, by step; columns `step`, those of `SERIES`, `epoch` (float) and `tokens` (Int64). Reads."""
    table = training_job_metrics.c
    columns = [table.step, *(table[name] for name in SERIES), table.epoch, table.tokens]
    with store.begin() as connection:
        rows = connection.execute(select(*columns).where(table.job_id == job_id).order_by(table.step)).all()
    import pandas as pd  # half a second, which those who only store points are spared

    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    floats = dict.fromkeys((*SERIES, "epoch"), "float64")
    return frame.astype({"step": "int64", **floats, "tokens": "Int64"})
