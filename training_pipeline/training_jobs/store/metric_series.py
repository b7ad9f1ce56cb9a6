"""The metric series of a job for charts: a range of steps, downsampled to a resolution.

Down-sampling is done by the database, in one pass over the job's steps. The stretch is cut into equal intervals of
steps; in each of them every series keeps the first step with its lowest and the first with its highest value, so that
no spike is lost. Where it is to be smoothed, all steps are read: a mean knows what was before the stretch.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Integer,
    Row,
    Select,
    and_,
    any_,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from training_pipeline.domain.smoothing import smoothed
from training_pipeline.training_jobs.store.best_values import pair
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.metrics import SERIES
from training_pipeline.training_jobs.store.tables import training_job_metrics

FIRST_STEP: Final = 0
LAST_STEP: Final = 2**31 - 1
LATEST: Final = ("learning_rate", "tokens")


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """Rows of `training_job_metrics` by step, and how many there are between the two steps. `latest` is of the job."""

    rows: list[dict[str, Any]]
    total: int
    #: The last values of `LATEST`; None where nothing was measured. Those of the losses stand in the job itself.
    latest: dict[str, Any]
    #: Step and value of the lowest validation loss of the job, the first of several; None where none was measured.
    best: tuple[int, float] | None = None

    @property
    def sampled(self) -> bool:
        """Whether steps were left out."""
        return len(self.rows) < self.total


def metric_series(
    store: JobStore,
    job_id: str,
    *,
    from_step: int = FIRST_STEP,
    to_step: int = LAST_STEP,
    resolution: int,
    smoothing: float = 0.0,
) -> MetricSeries:
    """The steps from `from_step` to `to_step`, both included; all of them where they are at most `resolution`.

    Else of each series at most `resolution` values are kept: lowest and highest of `resolution / 2` intervals. With
    `smoothing` every series is smoothed by that weight, over all its steps from the first one of the job on; of one
    that is longer than `resolution`, values at even distances are kept, and the last. Reads.
    """
    table = training_job_metrics.c
    stretch = and_(table.job_id == job_id, table.step >= from_step, table.step <= to_step)
    bounds = select(func.count(), func.min(table.step), func.max(table.step)).where(stretch)
    everything = select(training_job_metrics).where(stretch).order_by(table.step)
    with store.begin() as connection:
        total, low, high = connection.execute(bounds).one()
        if smoothing:
            until = select(training_job_metrics).where(table.job_id == job_id, table.step <= to_step)
            steps = connection.execute(until.order_by(table.step)).all()
            rows = smooth(steps, smoothing, from_step=from_step, resolution=resolution)
        elif total <= resolution:
            rows = [dict(row) for row in connection.execute(everything).mappings()]
        else:
            kept = literal(_extremes(connection, job_id, low, high, max(1, resolution // 2)), ARRAY(Integer))
            rows = [dict(row) for row in connection.execute(everything.where(table.step == any_(kept))).mappings()]
        latest = dict(connection.execute(_latest(job_id)).mappings().one())
        best = connection.execute(_best(job_id)).first()
    return MetricSeries(
        [dict(row) for row in rows], total, latest, None if best is None else (best.step, best.val_loss)
    )


def smooth(rows: Sequence[Row[Any]], weight: float, *, from_step: int, resolution: int) -> list[dict[str, Any]]:
    """Of rows of all steps, in order, those from a step on with every series smoothed over what was measured before.

    All of them where they are at most `resolution`, else those that hold so many values of each series, evenly.
    """
    names = [column.name for column in training_job_metrics.columns]
    begin = bisect_left(rows, from_step, key=lambda row: row.step)
    averages: dict[str, dict[int, float]] = {}
    for name in SERIES:
        column = names.index(name)
        measured = [(place, row[column]) for place, row in enumerate(rows) if row[column] is not None]
        values = smoothed([value for _, value in measured], weight)
        averages[name] = {place: value for (place, _), value in zip(measured, values, strict=True) if place >= begin}
    kept: set[int] = set(range(begin, len(rows)))
    if len(kept) > resolution:
        kept = {place for series in averages.values() for place in _evenly([*series], resolution)}
    return [
        {**rows[place]._asdict(), **{name: series.get(place) for name, series in averages.items()}}
        for place in sorted(kept)
    ]


def _evenly(places: Sequence[int], most: int) -> Sequence[int]:
    """At most so many of them, the first and the last among them."""
    if len(places) <= most:
        return places
    return [places[round(number * (len(places) - 1) / (most - 1))] for number in range(most)]


def evaluations(store: JobStore, job_id: str) -> list[dict[str, Any]]:
    """`step`, `epoch` and `val_loss` of every evaluation of the job, in order. Reads.

    An evaluation measures both loss and accuracy, and a loss that is no finite number is not stored: one with an
    accuracy alone has NaN.
    """
    table = training_job_metrics.c
    measured = and_(table.job_id == job_id, or_(table.val_loss.is_not(None), table.val_accuracy.is_not(None)))
    loss = func.coalesce(table.val_loss, math.nan).label("val_loss")
    with store.begin() as connection:
        found = connection.execute(select(table.step, table.epoch, loss).where(measured).order_by(table.step))
        return [dict(row) for row in found.mappings()]


def best_losses(store: JobStore, job_ids: Collection[str]) -> dict[str, float]:
    """The lowest validation loss of each of these jobs that has any. Reads."""
    table = training_job_metrics.c
    wanted = and_(table.job_id.in_(job_ids), table.val_loss.is_not(None))
    with store.begin() as connection:
        found = connection.execute(select(table.job_id, func.min(table.val_loss)).where(wanted).group_by(table.job_id))
        return dict(found.tuples().all())


def _extremes(connection: Connection, job_id: str, low: int, high: int, intervals: int) -> list[int]:
    """The steps to keep, in one pass over the stretch."""
    table = training_job_metrics.c
    step = cast(table.step, Double)
    ends: list[ColumnElement[Any]] = []
    for name in SERIES:
        measured = table[name].is_not(None)
        ends.append(func.min(pair(table[name], step)).filter(measured))
        ends.append(func.max(pair(table[name], -step)).filter(measured))
    interval = func.width_bucket(table.step, literal(low, Integer), literal(high + 1, Integer), intervals)
    stretch = and_(table.job_id == job_id, table.step >= low, table.step <= high)
    found = connection.execute(select(*ends).where(stretch).group_by(interval)).all()
    return sorted({abs(int(end[1])) for row in found for end in row if end is not None})


def _best(job_id: str) -> Select[Any]:
    table = training_job_metrics.c
    measured = and_(table.job_id == job_id, table.val_loss.is_not(None))
    return select(table.step, table.val_loss).where(measured).order_by(table.val_loss, table.step).limit(1)


def _latest(job_id: str) -> Select[Any]:
    table = training_job_metrics.c
    return select(
        *(
            select(table[name])
            .where(table.job_id == job_id, table[name].is_not(None))
            .order_by(table.step.desc())
            .limit(1)
            .scalar_subquery()
            .label(name)
            for name in LATEST
        )
    )
