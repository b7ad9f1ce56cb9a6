"""The partitions of pruned trials: archived and taken out of Dagster's list once their study has ended.

A study leaves a partition for each of its trials, and nobody looks for those that were stopped early. Their jobs,
events and metrics stay on record.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import dagster as dg

from training_pipeline.defs.old_partitions import archived
from training_pipeline.defs.partitions import training_job_partitions
from training_pipeline.domain.study import TrialStatus
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.tuning import records

#: Reading Dagster's events of a job takes some time, and a tick has to be short.
_A_TICK: Final = 10


def archived_trials(
    store: JobStore, instance: dg.DagsterInstance, root: Path, cursor: str | None
) -> tuple[list[str], str]:
    """Archive pruned trials of the next study that ended after the cursor; whose partitions may go, and the cursor.

    The cursor goes on once no partition of a pruned trial of the study is left. Idempotent. A disk that is
    full is tried again.
    """
    study = records.ended_after(store, _place(cursor))
    if study is None:
        return [], cursor or ""
    pruned = [each.job_id for each in records.trials_of(store, study.name) if each.status is TrialStatus.PRUNED]
    name = training_job_partitions.name or ""
    left = [job_id for job_id in pruned if job_id is not None and instance.has_dynamic_partition(name, job_id)]
    done = archived(store, instance, left[:_A_TICK], root=root)
    return done, (cursor or "") if left else f"{study.ended_at} {study.name}"


def _place(cursor: str | None) -> tuple[datetime, str] | None:
    """When the study ended up to which everything is done, and its name."""
    if not cursor:
        return None
    at, _, name = cursor.rpartition(" ")
    return datetime.fromisoformat(at), name
