"""The best and the last value of a job's series, each with its step: one pass over the steps of several jobs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, cast, func, select
from sqlalchemy.dialects.postgresql import array

from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_job_metrics

#: Which end of a series is its best.
LESS_IS_BETTER: Final = {"train_loss": True, "val_loss": True, "train_accuracy": False, "val_accuracy": False}


@dataclass(frozen=True, slots=True)
class At:
    """A value and the step that it was measured at."""

    step: int
    value: float


@dataclass(frozen=True, slots=True)
class BestAndLast:
    """Of several equal ones the best is the first."""

    best: At
    last: At


def best_and_last(store: JobStore, job_ids: Collection[str]) -> dict[str, dict[str, BestAndLast]]:
    """By job and series; a series of which nothing was measured is left out. Reads."""
    table = training_job_metrics.c
    ends: list[ColumnElement[Any]] = []
    for name, less in LESS_IS_BETTER.items():
        value, step = table[name], cast(table.step, Double)
        best, last = pair(value if less else -value, step), pair(step, value)
        ends.append(func.min(best).filter(value.is_not(None)).label(f"{name}_best"))
        ends.append(func.max(last).filter(value.is_not(None)).label(f"{name}_last"))
    query = select(table.job_id, *ends).where(table.job_id.in_(job_ids)).group_by(table.job_id)
    with store.begin() as connection:
        rows = connection.execute(query).mappings().all()
    return {
        row["job_id"]: {
            name: BestAndLast(
                At(int(row[f"{name}_best"][1]), row[f"{name}_best"][0] * (1 if less else -1)),
                At(int(row[f"{name}_last"][0]), row[f"{name}_last"][1]),
            )
            for name, less in LESS_IS_BETTER.items()
            if row[f"{name}_best"] is not None
        }
        for row in rows
    }


def pair(first: Any, second: Any) -> ColumnElement[Any]:
    """An array of two numbers. PostgreSQL compares arrays by their first elements, then by their second."""
    return array([first, second], type_=Double)
