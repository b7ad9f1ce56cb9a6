"""Reports a running job's progress to Dagster: one observation of `fine_tuning_run` for each milestone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import dagster as dg

from training_pipeline.domain.job import ACTIVE, TrainingJob
from training_pipeline.training_jobs.polling.milestones import has_passed
from training_pipeline.training_jobs.store.jobs import JobStore

ASSET: Final = dg.AssetKey("fine_tuning_run")
PROGRESS: Final = "progress_percent"
#: Observations of one tick: Dagster stores them one by one. What is left follows with the next tick.
MOST: Final = 200


def observations(
    instance: dg.DagsterInstance, store: JobStore, jobs: Iterable[TrainingJob]
) -> list[dg.AssetObservation]:
    """Observations of the jobs that have passed a milestone not yet reported to Dagster.

    Dagster's event log decides what was reported, since a tick may die before its events are stored;
    `reported_progress` only saves reading it. So an observation is repeated until it is stored, and never after.
    Writes that column.
    """
    found: list[dg.AssetObservation] = []
    for job in jobs:
        if len(found) >= MOST:
            break
        if job.status in ACTIVE and has_passed(
            job.polling.reported_progress, job.progress.percent, job.progress.total_epochs
        ):
            heard = max(job.polling.reported_progress, _heard(instance, job.id))
            if heard > job.polling.reported_progress:
                where = {"reported_progress": job.polling.reported_progress}
                store.update(job.id, {"reported_progress": heard}, where=where)
            if has_passed(heard, job.progress.percent, job.progress.total_epochs):
                found.append(_observation(job))
    return found


def _heard(instance: dg.DagsterInstance, job_id: str) -> float:
    """The progress of a job that was last reported to Dagster; 0 if none was."""
    filter_ = dg.AssetRecordsFilter(asset_key=ASSET, asset_partitions=[job_id])
    for record in instance.fetch_observations(filter_, limit=1).records:
        observed = record.asset_observation
        value = observed.metadata[PROGRESS].value if observed and PROGRESS in observed.metadata else None
        if isinstance(value, int | float):
            return float(value)
    return 0.0


def _observation(job: TrainingJob) -> dg.AssetObservation:
    shown = {
        PROGRESS: job.progress.percent,
        "step": job.progress.current_step,
        "epoch": job.progress.current_epoch,
        "train_loss": job.progress.train_loss,
        "val_loss": job.progress.val_loss,
        "eta_seconds": job.progress.eta_seconds,
    }
    metadata = {name: value for name, value in shown.items() if value is not None}
    return dg.AssetObservation(ASSET, partition=job.id, metadata=metadata)
