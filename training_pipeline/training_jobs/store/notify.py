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
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

CHANNEL: Final = "training_jobs"

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


def is_seen(columns: Iterable[str]) -> bool:
    """Whether clients can see any of these columns of `training_jobs`. Pure."""
    return not BOOKKEEPING.issuperset(columns)
