"""Writes an observation of the backend to the stored job: one transaction, and one event for each change.

Any number of pollers may poll one job. An observation is written only if the job is as it was when the observation
began, and if no later one has been written: `polled_at` is when the latest one began, by the database's clock. What is
dropped for that is seen again by the next observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, DateTime, Text, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from training_pipeline.backends.metric_point import MetricPoint
from training_pipeline.backends.run_state import RunState
from training_pipeline.domain.duration_in_words import duration
from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.errors import NotFound, PermissionUnknown, PermissionWithdrawn
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.training_jobs import backoff
from training_pipeline.training_jobs.polling.metrics_sync import JobEvent, warnings_of
from training_pipeline.training_jobs.polling.observe import Observation, progress_values
from training_pipeline.training_jobs.store import metrics
from training_pipeline.training_jobs.store.events import SYSTEM, EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.notify import announce, announce_work
from training_pipeline.training_jobs.store.rows import columns_of, job_from_row
from training_pipeline.training_jobs.store.tables import training_jobs

#: A job that its backend does not know any more is failed after this long.
LOST_SECONDS: Final = 300.0
#: What must be as it was seen, or an observation is dropped: everything that it decides by.
_SEEN: Final = (
    "status",
    "backend_status",
    "metrics_offset",
    "mlflow_offset",
    "mlflow_run_id",
    "poll_errors",
    "lost_since",
)


class Answer(NamedTuple):
    """What the backend said, or what it raised, when it was asked about the job as it is here."""

    job: TrainingJob
    began: datetime
    outcome: Observation | Exception


def record(store: JobStore, answers: Sequence[Answer], *, deadline_seconds: float = inf) -> list[TrainingJob | None]:
    """Write what was observed, all or nothing; the jobs as they then are, None where an observation was dropped.

    A job of which its backend has told nothing for `deadline_seconds`, for whatever reason, is failed.
    Rows are written by job id, as every poller does, so that two of them never wait for each other.
    """
    answers = sorted(answers, key=lambda answer: answer.job.id)
    points: dict[str, Sequence[MetricPoint]] = {}
    written: list[TrainingJob | None] = []
    with store.begin() as connection:
        inside = store.within(connection)
        for job, began, outcome in answers:
            if isinstance(outcome, Observation):
                now = _apply(inside, job, outcome, began)
                if now is not None and outcome.new.points:
                    points[job.id] = outcome.new.points
            elif isinstance(outcome, NotFound):
                now = _record_lost(inside, job, began)
            else:
                now = record_error(inside, job, outcome, began, deadline_seconds=deadline_seconds)
            written.append(now)
        metrics.write_points(connection, points)
        announce(connection, *(job.id for job in written if job is not None))
    return written


def record_unchanged(store: JobStore, observed: Sequence[tuple[str, datetime]]) -> None:
    """Note that many jobs were polled, each with when that began; one statement.

    A job that somebody else is writing to just now is passed over.
    """
    if not observed:
        return
    rows = (
        func.unnest(
            bindparam("ids", [job_id for job_id, _ in observed], ARRAY(Text)),
            bindparam("times", [began for _, began in observed], ARRAY(DateTime(timezone=True))),
        )
        .table_valued("id", "began", name="observed")
        .render_derived()
    )
    free = select(training_jobs.c.id).where(training_jobs.c.id.in_([job_id for job_id, _ in observed]))
    query = (
        update(training_jobs)
        .where(training_jobs.c.id == rows.c.id, _not_seen_since(rows.c.began))
        .where(training_jobs.c.id.in_(free.with_for_update(skip_locked=True)))
        .values(polled_at=rows.c.began)
    )
    with store.begin() as connection:
        connection.execute(query)


def record_error(
    store: JobStore,
    job: TrainingJob,
    error: Exception,
    began: datetime | None = None,
    *,
    deadline_seconds: float = inf,
) -> TrainingJob | None:
    """Note that an observation failed, and pause; an event where it is the first one in a row. None if it was dropped.

    Without `began` the observation is still under way, and its answer will yet be taken.
    """
    errors = job.polling.errors + 1
    pause = timedelta(seconds=backoff.POLLS.pause(errors))
    values: dict[str, Any] = {"poll_errors": errors, "poll_after": func.clock_timestamp() + pause}
    said = describe(error)
    retries = replace(backoff.POLLS, deadline=deadline_seconds)
    if began is not None and retries.gives_up(errors):
        waited = duration(deadline_seconds)
        message = f"Gave up after {waited} without an answer; the run may continue at its backend. {said}"
        failed = {"backend_status": JobStatus.FAILED, "error_message": message}
        written = _update(store, job, {**values, **failed}, began)
        return written and store.change(written, JobStatus.FAILED, message=message)
    what = "Training waits for an answer" if isinstance(error, PermissionUnknown) else "Could not poll the backend"
    events = [] if job.polling.errors else [JobEvent(EventType.ERROR, f"{what} ({said}); retrying.")]
    return _update(store, job, values, began, events)


def _apply(store: JobStore, job: TrainingJob, observation: Observation, began: datetime) -> TrainingJob | None:
    values: dict[str, Any] = {
        "poll_errors": 0,
        "poll_after": None,
        "lost_since": None,
        "metrics_offset": observation.new.offset,
        "mlflow_offset": observation.mlflow_offset,
        **metrics.latest(observation.new.points),
    }
    done = observation.state is not None and observation.state.status is JobStatus.SUCCEEDED
    if observation.permission is not None:
        values["permission_asked_at"] = began
    if observation.state is not None:
        values |= progress_values(observation.state)
        if observation.state.status in ACTIVE or done:
            values["error_message"] = observation.state.waits_for
        values |= {"backend_status": JobStatus.SUCCEEDED} if done else {}
    written = _update(store, job, values, began, _events(job, observation))
    if written is not None and observation.permission is not None and observation.permission.withdrawn is not None:
        written = ask_to_stop(store, written, observation.permission.withdrawn) or written
    if written is not None and observation.state is not None:
        written = _change(store, written, observation.state)
    if written is not None and done:
        store.record(job.id, EventType.INFO, "Training is complete; storing metrics and registering the model.")
    return written


def ask_to_stop(store: JobStore, job: TrainingJob, withdrawn: PermissionWithdrawn) -> TrainingJob | None:
    """Request the cancel of a job whose pairs lost their permission, with an event that names them.

    The next poll passes it on to the backend. None, and nothing is written, where the job has gone on, or somebody else
    has asked before.
    """
    details = {"code": withdrawn.code, **withdrawn.details}
    values = {
        "cancel_requested_at": func.clock_timestamp(),
        "cancel_requested_by": SYSTEM,
        "cancel_reason": withdrawn.message,
        "error_details": details,
    }
    seen = {"status": job.status, "backend_status": None, "cancel_requested_at": None}
    event = (EventType.ERROR, f"{withdrawn.message} The backend was asked to stop the training.")
    return store.update(job.id, values, where=seen, event=event, data=details)


def _record_lost(store: JobStore, job: TrainingJob, began: datetime) -> TrainingJob | None:
    """Note that the backend does not know the job; fail it once that has been so for `LOST_SECONDS`."""
    values: dict[str, Any] = {"poll_errors": 0, "poll_after": None}
    if job.polling.lost_since is None:
        message = f"The backend does not know this job; it will fail in {LOST_SECONDS:.0f} s if this continues."
        return _update(store, job, {**values, "lost_since": began}, began, [JobEvent(EventType.ERROR, message)])
    if (began - job.polling.lost_since).total_seconds() < LOST_SECONDS:
        return _update(store, job, values, began)
    message = "The backend has lost this job and what it had trained. Retry the job."
    failed = {"backend_status": JobStatus.FAILED, "error_message": message}
    written = _update(store, job, {**values, **failed}, began)
    return written and store.change(written, JobStatus.FAILED, message=message)


def _events(job: TrainingJob, observation: Observation) -> list[JobEvent]:
    events: list[JobEvent] = []
    if job.polling.errors:
        events.append(JobEvent(EventType.INFO, f"The backend answers again after {job.polling.errors} failed poll(s)."))
    if job.polling.lost_since is not None:
        events.append(JobEvent(EventType.INFO, "The backend knows this job again."))
    if observation.state is None:
        events.append(JobEvent(EventType.INFO, "The training process was lost and has been resumed."))
    elif observation.state.status in ACTIVE and observation.state.waits_for != job.error_message:
        waits_for = observation.state.waits_for
        said = waits_for or "What the training waited for is available; it continues."
        events.append(JobEvent(EventType.ERROR if waits_for else EventType.INFO, said))
    events += warnings_of(observation.new.points)
    behind = job.polling.mlflow_offset != job.polling.metrics_offset
    if observation.mirror_error is not None and not behind:
        said = f"Metrics could not be copied to MLflow ({observation.mirror_error}); retrying."
        events.append(JobEvent(EventType.ERROR, said))
    return events


def _change(store: JobStore, job: TrainingJob, state: RunState) -> TrainingJob:
    """Bring the status of a job to what its backend says. `succeeded` is left to the run that finishes the job."""
    began = state.status not in {JobStatus.QUEUED, JobStatus.CANCELLED}
    if job.status is JobStatus.QUEUED and began:
        job = store.change(job, JobStatus.RUNNING, message="Training has started.") or job
    if state.status in ACTIVE or state.status is JobStatus.SUCCEEDED:
        return job
    message = {
        JobStatus.CANCELLED: f"Cancelled: {job.cancellation.reason or state.message or 'the backend ended the run'}",
        JobStatus.TIMEOUT: state.error or "The job exceeded its time limit.",
    }.get(state.status, state.error or "The backend ended the run without giving a reason.")
    withdrawn = (job.error_details or {}).get("code") == PermissionWithdrawn.code
    if withdrawn and state.status is JobStatus.CANCELLED and job.status is JobStatus.QUEUED:
        # It was stopped before it began: what it was asked to train on is what failed.
        why = job.cancellation.reason or "Permission withdrawn."
        failed = {"backend_status": JobStatus.FAILED, "error_message": why}
        return store.change(job, JobStatus.FAILED, message=why, values=failed, data=job.error_details) or job
    values: dict[str, Any] = {"backend_status": state.status}
    if state.status is not JobStatus.CANCELLED:
        values |= {"error_message": message, "error_details": state.error_details}
    return store.change(job, state.status, message=message, values=values, data=state.error_details) or job


def _update(
    store: JobStore,
    job: TrainingJob,
    values: dict[str, Any],
    began: datetime | None,
    events: Sequence[JobEvent] = (),
) -> TrainingJob | None:
    """Set columns and append events, if the job is as it was seen and no later observation was written; else None."""
    seen = columns_of(job)
    as_seen = [training_jobs.c[name].is_not_distinct_from(seen[name]) for name in _SEEN]
    columns = {**values, "updated_at": func.clock_timestamp()}
    if began is not None:
        as_seen.append(_not_seen_since(began))
        columns["polled_at"] = began
    query = update(training_jobs).where(training_jobs.c.id == job.id, and_(*as_seen)).values(columns)
    with store.begin() as connection:
        row = connection.execute(query.returning(training_jobs)).mappings().first()
        if row is None:
            return None
        for event in events:
            record_event(connection, job.id, event.type, event.message, SYSTEM, data=event.data)
        announce_work(connection, values)
    return job_from_row(row)


def _not_seen_since(began: Any) -> ColumnElement[bool]:
    return or_(training_jobs.c.polled_at.is_(None), training_jobs.c.polled_at < began)
