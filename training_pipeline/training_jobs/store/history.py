"""The succeeded jobs that say how long another one will take. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, Select, select, true

from training_pipeline.domain.estimate.estimate import PastJob
from training_pipeline.domain.job import JobStatus
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_job_events, training_jobs

#: Where the first event of a job names the machine.
MACHINE: Final = "machine"
_LOOKED_AT: Final = 500
_MOST: Final = 200


def past_jobs(
    store: JobStore, *, base_model: str, method: str, machine: str, before: datetime | None = None
) -> list[PastJob]:
    """The last succeeded jobs with this base model and method on such a machine, created `before`; newest first."""
    with store.begin() as connection:
        rows = connection.execute(_query(base_model, method, machine, before)).mappings().all()
    return [_past(row) for row in rows]


def _query(base_model: str, method: str, machine: str, before: datetime | None) -> Select[Any]:
    job = training_jobs.c
    wanted = [job.status == JobStatus.SUCCEEDED, job.base_model == base_model]
    wanted += [job.training_config["method"].astext == method, job.duration_seconds > 0]
    wanted += [job.train_pairs > 0, job.current_epoch > 0]
    wanted += [job.created_at < before] if before is not None else []
    recent = select(training_jobs).where(*wanted).order_by(job.created_at.desc()).limit(_LOOKED_AT).subquery()
    event = training_job_events.c
    first = (
        select(event.data[MACHINE].astext.label(MACHINE))
        .where(event.job_id == recent.c.id)
        .order_by(event.id)
        .limit(1)
        .lateral("first")
    )
    columns = ("training_sheet_id", "train_pairs", "val_pairs", "current_epoch", "training_config")
    return (
        select(*(recent.c[name] for name in (*columns, "tokens_processed", "duration_seconds")))
        .select_from(recent.join(first, true()))
        .where(first.c[MACHINE] == machine)
        .order_by(recent.c.created_at.desc())
        .limit(_MOST)
    )


def _past(row: RowMapping) -> PastJob:
    return PastJob(
        training_sheet_id=row["training_sheet_id"],
        train_pairs=row["train_pairs"],
        val_pairs=row["val_pairs"] or 0,
        epochs=row["current_epoch"],
        evaluations_per_epoch=row["training_config"].get("evaluations_per_epoch", 1),
        max_length=row["training_config"].get("max_length"),
        tokens=row["tokens_processed"],
        seconds=row["duration_seconds"],
    )
