"""The journal of jobs in PostgreSQL. Events are only ever appended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, insert, select

from training_pipeline.domain.job import JobStatus
from training_pipeline.training_jobs.store.notify import announce
from training_pipeline.training_jobs.store.request_id import with_request_id
from training_pipeline.training_jobs.store.tables import training_job_events, training_jobs

#: The actor of what nobody asked for.
SYSTEM: Final = "system"


class EventType(StrEnum):
    """The type of an event."""

    STATUS_CHANGE = "status_change"
    PROGRESS_UPDATE = "progress_update"
    METRIC_UPDATE = "metric_update"
    ERROR = "error"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the append-only journal. The ids of a job's events rise in the order in which they can be seen."""

    id: int
    job_id: str
    type: EventType
    old_status: JobStatus | None
    new_status: JobStatus | None
    message: str
    data: dict[str, Any] | None
    actor: str
    created_at: datetime


def record_event(
    connection: Connection,
    job_id: str,
    kind: EventType,
    message: str,
    actor: str,
    *,
    old: JobStatus | None = None,
    new: JobStatus | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Append one event within the caller's transaction, and announce it.

    Locks the job until the transaction ends, so that its events are seen in the order of their ids; see
    `notify`.
    """
    job = select(training_jobs.c.id).where(training_jobs.c.id == job_id)
    connection.execute(job.with_for_update(key_share=True))
    connection.execute(
        insert(training_job_events).values(
            job_id=job_id,
            type=kind,
            message=message,
            actor=actor,
            old_status=old,
            new_status=new,
            data=with_request_id(data),
        )
    )
    announce(connection, job_id)


def has_event(connection: Connection, job_id: str, code: str) -> bool:
    """Whether the job has an event with this `code` in its data. Reads only."""
    events = training_job_events.c
    found = select(events.id).where(events.job_id == job_id, events.data["code"].astext == code).exists()
    return bool(connection.execute(select(found)).scalar_one())


def event_from_row(row: Mapping[str, Any] | RowMapping) -> Event:
    """The event of a row of `training_job_events`."""
    old, new = row["old_status"], row["new_status"]
    return Event(
        **{
            **row,
            "type": EventType(row["type"]),
            "old_status": None if old is None else JobStatus(old),
            "new_status": None if new is None else JobStatus(new),
        }
    )
