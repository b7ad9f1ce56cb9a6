"""The jobs of each model of each training sheet that a decision about retraining looks at."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import job_from_row
from training_pipeline.training_jobs.store.tables import training_jobs
from training_pipeline.tuning.tables import study_trials


@dataclass(frozen=True, slots=True)
class SheetModels:
    """The jobs of one training sheet that a decision looks at, by the name of their model."""

    latest: dict[str, TrainingJob]
    active: dict[str, TrainingJob]
    succeeded: dict[str, TrainingJob]


def models_of_sheets(store: JobStore, *, beside: TrainingJob | None = None) -> dict[str, SheetModels]:
    """The latest, the active and the last succeeded job of each model of each training sheet. Reads only.

    Or only those for the same model as one job, without that job itself.
    """
    found: dict[str, SheetModels] = {}

    def models(sheet_id: str) -> SheetModels:
        return found.setdefault(sheet_id, SheetModels({}, {}, {}))

    for job in _latest(store, list(JobStatus), beside):
        models(job.request.training_sheet_id).latest[job.request.model_name] = job
    for job in _latest(store, ACTIVE, beside):
        models(job.request.training_sheet_id).active[job.request.model_name] = job
    for job in _latest(store, [JobStatus.SUCCEEDED], beside):
        models(job.request.training_sheet_id).succeeded[job.request.model_name] = job
    return found


def _trials() -> Any:
    return select(study_trials.c.job_id).where(study_trials.c.job_id.is_not(None))


def _latest(store: JobStore, statuses: Collection[JobStatus], beside: TrainingJob | None) -> Iterable[TrainingJob]:
    table = training_jobs.c
    each: list[Any] = [table.training_sheet_id, table.model_name]
    query = (
        select(training_jobs)
        .distinct(*each)
        # A trial of a study is no model in use: it neither is due itself nor stands for one that is.
        .where(table.status.in_(sorted(statuses)), table.id.not_in(_trials()))
        .order_by(*each, table.created_at.desc())
    )
    if beside is not None:
        same = (
            (table.training_sheet_id, beside.request.training_sheet_id),
            (table.model_name, beside.request.model_name),
        )
        query = query.where(table.id != beside.id, *(column == value for column, value in same))
    with store.begin() as connection:
        return [job_from_row(row) for row in connection.execute(query).mappings()]
