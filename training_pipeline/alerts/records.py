"""Alerts in the database: each cause is recorded once, across restarts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.alerts.messages import IDENTITY, Alert, Kind, of_job
from training_pipeline.alerts.tables import alerts
from training_pipeline.domain.job import ACTIVE, JobStatus
from training_pipeline.training_jobs.store.events import EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import job_from_row
from training_pipeline.training_jobs.store.tables import training_jobs
from training_pipeline.urls import Urls

#: What happened longer ago is history, not news: so that a new installation, or a long pause, does not tell all of it.
NEWS: Final = timedelta(days=7)
_AT_ONCE: Final = 50


def notice(store: JobStore, alert: Alert, *, as_event: bool = False) -> bool:
    """Record an alert for delivery. Returns false and writes nothing if its cause is recorded already.

    With `as_event` a cause that is new also becomes an event of its job, in the same transaction.
    """
    with store.begin() as connection:
        new = record(connection, alert)
        if new and as_event and alert.job_id is not None:
            data = {"alert": alert.kind}
            record_event(connection, alert.job_id, EventType.INFO, f"Warning: {alert.message}", "system", data=data)
    return new


def record(connection: Connection, alert: Alert) -> bool:
    """Record an alert within the caller's transaction. Returns false if its cause is recorded already."""
    stored = insert(alerts).values(alert.model_dump()).on_conflict_do_nothing(index_elements=["key"])
    return connection.execute(stored.returning(alerts.c.key)).first() is not None


def told_at(store: JobStore, beginning: str) -> datetime | None:
    """When the latest alert was recorded whose key begins so; None for no such alert. Reads only."""
    query = select(func.max(alerts.c.noticed_at)).where(alerts.c.key.startswith(beginning, autoescape=True))
    with store.begin() as connection:
        latest: datetime | None = connection.execute(query).scalar_one()
    return latest


def notice_jobs(store: JobStore, links: Urls, *, now: datetime, pending: timedelta) -> int:
    """Record an alert for each job that failed, timed out, waits for somebody or is stuck in pending and has none.

    A job has one for each cause that it waits for. Returns how many.
    """
    table = training_jobs.c
    over = and_(table.status.in_([JobStatus.FAILED, JobStatus.TIMEOUT]), table.completed_at > now - NEWS)
    stuck = and_(table.status == JobStatus.PENDING, table.created_at < now - pending)
    waiting = and_(table.status.in_(ACTIVE), table.error_message.is_not(None))
    known = select(alerts.c.job_id).where(alerts.c.job_id == table.id)
    untold = [
        and_(over, ~known.where(alerts.c.kind.in_([Kind.FAILED, Kind.TIMED_OUT, Kind.BLOCKED])).exists()),
        and_(stuck, ~known.where(alerts.c.kind == Kind.PENDING).exists()),
        and_(waiting, ~known.where(alerts.c.key == waiting_key()).exists()),
    ]
    query = select(training_jobs).where(or_(*untold)).order_by(table.updated_at).limit(_AT_ONCE)
    with store.begin() as connection:
        jobs = [job_from_row(row) for row in connection.execute(query).mappings()]
    found = [of_job(job, links, now=now, pending=pending) for job in jobs]
    return sum(notice(store, alert) for alert in found if alert is not None)


def waiting_key() -> ColumnElement[str]:
    """The key of the alert about what a job waits for now."""
    cause = func.regexp_replace(training_jobs.c.error_message, "[0-9]+", "", "g")
    identity = func.left(func.encode(func.sha256(func.convert_to(cause, "UTF8")), "hex"), IDENTITY)
    return func.concat("job:", training_jobs.c.id, f":{Kind.WAITING}:", identity)
