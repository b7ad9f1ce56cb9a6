"""Database notifications about training jobs, sent in the transaction that changes a job.

PostgreSQL delivers a notification once its transaction is committed, so what is announced is there. A notification is
the id of a job and nothing else; whoever listens reads the job and the events that come after the last one it has seen.

**Why that loses no event.** An event gets its id when it is inserted and is seen when it is committed. Were two
transactions free to insert events of one job side by side, the later id could be seen first, and whoever had read up to
it would never go back for the earlier one. So whoever appends an event locks the row of its job first, until the end of
the transaction: for each job ids are given one transaction after the other, and rise in the order in which they are
seen. Events of different jobs are not put in order, and need not be.

Transactions that notify are committed one at a time in the whole database server, so what nobody can see changes
without a notification.

A second channel tells what there is to do, to whoever may then look at once. It names the work and not the job: who
looks finds the jobs, and claims them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from training_pipeline.domain.job import JobStatus

CHANNEL: Final = "training_jobs"
WORK_CHANNEL: Final = "training_jobs_work"


class Work(StrEnum):
    """What there is to do."""

    LAUNCH = "launch"  # a job is to be launched
    POLL = "poll"  # a backend is to be asked, or a job whose backend is done to be finished


#: Columns of `training_jobs` that no client sees. Setting nothing but these is not announced.
BOOKKEEPING: Final = frozenset(
    {
        *("sheet", "snapshot", "dataset", "backend_status", "submit_intended_at", "metrics_offset", "mlflow_offset"),
        *("launch_attempt", "launch_uncounted", "launch_claimed_at", "launch_after", "launched_at"),
        *("finalize_attempt", "finalize_uncounted", "finalize_claimed_at", "finalize_after", "finalized_at"),
        *("permission_version", "permission_asked_at"),
        *("polled_at", "poll_after", "poll_errors", "lost_since", "reported_progress"),
    }
)


def announce(connection: Connection, *job_ids: str) -> None:
    """Announce within the caller's transaction that jobs have changed. However often it is called, it is told once.

    Nobody hears of a transaction that is rolled back.
    """
    job_id = func.unnest(bindparam("job_ids", list(job_ids), ARRAY(Text)))
    connection.execute(select(func.pg_notify(CHANNEL, job_id)))


def announce_work(connection: Connection, columns: Mapping[str, Any]) -> None:
    """Announce within the caller's transaction what there is to do for a job of which these columns were just set."""
    work = work_of(columns)
    if work is not None:
        connection.execute(select(func.pg_notify(WORK_CHANNEL, str(work))))


def work_of(columns: Mapping[str, Any]) -> Work | None:
    """What there is to do for a job of which these columns were just set."""
    if columns.get("status") is JobStatus.PENDING:
        return Work.LAUNCH
    finished_anew = "finalize_after" in columns and columns["finalize_after"] is None
    if columns.get("status") is JobStatus.QUEUED or columns.get("backend_status") is not None or finished_anew:
        return Work.POLL
    return None


def is_seen(columns: Iterable[str]) -> bool:
    """Whether clients can see any of these columns of `training_jobs`."""
    return not BOOKKEEPING.issuperset(columns)
