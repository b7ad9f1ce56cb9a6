"""How many jobs have each status: what triggers keep, in rows that each transaction adds and one sums up now and then.

A transaction that has changed jobs has changed these counts, so whoever reads both at one moment reads the truth.
Nobody waits for another, as all would for one row a status.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, Select, func, select

from training_pipeline.domain.job import JobStatus
from training_pipeline.training_jobs.store.tables import training_job_counts

_COUNTS = training_job_counts.c
_JOBS = func.coalesce(func.sum(_COUNTS.jobs), 0).cast(BigInteger)


def counted(label: str, statuses: Collection[JobStatus] = ()) -> Select[Any]:
    """How many jobs there are, or those of some statuses."""
    of_some = [_COUNTS.status.in_(sorted(statuses))] if statuses else []
    return select(_JOBS.label(label)).where(*of_some)


def counted_by_status() -> Select[Any]:
    """Each status that a job has or had, and how many have it."""
    return select(_COUNTS.status, _JOBS).group_by(_COUNTS.status)
