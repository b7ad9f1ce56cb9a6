"""Jobs and their events in PostgreSQL. A status changes by compare-and-set, with its event in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Select, func, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from training_pipeline.domain.errors import Conflict, NotFound, Unavailable
from training_pipeline.domain.job import TERMINAL, JobStatus, TrainingJob, may_become
from training_pipeline.training_jobs.store import queries
from training_pipeline.training_jobs.store.events import SYSTEM, Event, EventType, event_from_row, record_event
from training_pipeline.training_jobs.store.notify import announce, announce_work, is_seen
from training_pipeline.training_jobs.store.rows import job_from_row, row_of
from training_pipeline.training_jobs.store.tables import training_job_events, training_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator


class JobStore:
    """Reads and writes `training_jobs` and `training_job_events`. Every method is one transaction."""

    def __init__(self, engine: Engine, within: Connection | None = None) -> None:
        self.engine = engine
        self._within = within

    def within(self, connection: Connection) -> JobStore:
        """The same store, whose every method is a part of the caller's transaction."""
        return JobStore(self.engine, connection)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction; an unreachable database is `Unavailable`, without its address or password."""
        if self._within is not None:
            yield self._within
            return
        try:
            with self.engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise Unavailable(
                "The database does not answer.",
                hint="Start it with `training-pipeline up`, or check TRAINING_PIPELINE_DATABASE_URL.",
            ) from error

    def create(
        self,
        job: TrainingJob,
        *,
        message: str,
        data: Mapping[str, Any] | None = None,
        also: Callable[[Connection, TrainingJob], None] | None = None,
    ) -> TrainingJob:
        """Store a new job with its first event and its `data`; raises `Conflict` if the id is taken.

        What `also` writes on the connection it is given is stored together with the job, or neither is.
        """
        with self.begin() as connection:
            try:
                connection.execute(insert(training_jobs).values(row_of(job)))
            except IntegrityError as error:
                raise Conflict(f"Training job {job.id} already exists.") from error
            kind = EventType.STATUS_CHANGE
            record_event(connection, job.id, kind, message, job.created_by, new=job.status, data=data)
            announce_work(connection, {"status": job.status})
            if also is not None:
                also(connection, job)
        return job

    def get(self, job_id: str) -> TrainingJob:
        """One job; raises `NotFound`."""
        with self.begin() as connection:
            row = connection.execute(select(training_jobs).where(training_jobs.c.id == job_id)).mappings().first()
        if row is None:
            raise _no_such_job(job_id)
        return job_from_row(row)

    def created_with(self, job_id: str) -> dict[str, Any]:
        """The data of the job's first event; empty where it has none. Raises `NotFound` for no job. Reads."""
        table = training_job_events.c
        first = select(table.data).where(table.job_id == job_id).order_by(table.id).limit(1)
        with self.begin() as connection:
            row = connection.execute(first).first()
        if row is None:
            raise _no_such_job(job_id)
        return dict(row.data or {})

    def list(
        self,
        *,
        statuses: Collection[JobStatus] = (),
        training_sheet_id: str | None = None,
        created_by: str | None = None,
        search: str | None = None,
        tainted: bool = False,
        tags: Collection[str] = (),
        sort: queries.JobSort = queries.JobSort.CREATED_AT,
        descending: bool = True,
        limit: int | None = 50,
        offset: int = 0,
        after: tuple[datetime, str] | None = None,
    ) -> tuple[list[TrainingJob], int]:
        """A page of jobs, newest first unless told otherwise, and how many there are in all; see `queries.jobs`.

        Their `data` lacks the references to sheet, snapshot and dataset, which `get` reads.
        """
        query = queries.jobs(
            statuses=statuses,
            training_sheet_id=training_sheet_id,
            created_by=created_by,
            search=search,
            tainted=tainted,
            tags=tags,
            sort=sort,
            descending=descending,
            limit=limit,
            offset=offset,
            after=after,
        )
        rows, total = self._page(query)
        return [job_from_row(row) for row in rows], total

    def change(
        self,
        job: TrainingJob,
        status: JobStatus,
        *,
        message: str,
        actor: str = SYSTEM,
        values: Mapping[str, Any] | None = None,
        where: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> TrainingJob | None:
        """Change the status of `job` by compare-and-set; None if it no longer has the status we saw.

        `where` names further columns and the values that they must have, or None is returned as well.

        The times that belong to a status (`started_at`, `completed_at`, `duration_seconds`) are set here, by the
        database's clock. Raises `Conflict` for an illegal transition.
        """
        if not may_become(job.status, status):
            raise Conflict(f"Training job {job.id} is {job.status} and cannot become {status}.")
        columns: dict[str, Any] = {"status": status, "updated_at": func.clock_timestamp(), **(values or {})}
        if status is JobStatus.RUNNING:
            columns["started_at"] = func.coalesce(training_jobs.c.started_at, func.clock_timestamp())
        if status in TERMINAL:
            columns["completed_at"] = func.clock_timestamp()
            columns["eta_seconds"] = None
            columns.setdefault(
                "duration_seconds",
                func.extract("epoch", func.clock_timestamp() - training_jobs.c.started_at),
            )
        if status is JobStatus.SUCCEEDED:
            columns["progress_percent"] = 100.0
        query = update(training_jobs).where(training_jobs.c.id == job.id, training_jobs.c.status == job.status)
        for name, value in (where or {}).items():
            query = query.where(training_jobs.c[name].is_not_distinct_from(value))
        with self.begin() as connection:
            row = connection.execute(query.values(columns).returning(training_jobs)).mappings().first()
            if row is None:
                return None
            kind = EventType.ERROR if status in {JobStatus.FAILED, JobStatus.TIMEOUT} else EventType.STATUS_CHANGE
            record_event(connection, job.id, kind, message, actor, old=job.status, new=status, data=data)
            announce_work(connection, columns)
        return job_from_row(row)

    def update(
        self,
        job_id: str,
        values: Mapping[str, Any],
        *,
        where: Mapping[str, Any] | None = None,
        event: tuple[EventType, str] | None = None,
        actor: str = SYSTEM,
        data: Mapping[str, Any] | None = None,
        also: Callable[[Connection], None] | None = None,
    ) -> TrainingJob | None:
        """Set columns other than the status if every column in `where` has the given value; None if one has not.

        What `also` writes on the connection it is given is stored together with the columns, or neither is.
        """
        if "status" in values:
            raise ValueError("a status is changed by `change`, with its event")
        query = update(training_jobs).where(training_jobs.c.id == job_id)
        for name, value in (where or {}).items():
            query = query.where(training_jobs.c[name].is_not_distinct_from(value))
        with self.begin() as connection:
            row = (
                connection.execute(
                    query.values({**values, "updated_at": func.clock_timestamp()}).returning(training_jobs)
                )
                .mappings()
                .first()
            )
            if row is None:
                return None
            if also is not None:
                also(connection)
            if event is not None:
                record_event(connection, job_id, event[0], event[1], actor, data=data)
            elif is_seen(values):
                announce(connection, job_id)
            announce_work(connection, values)
        return job_from_row(row)

    def record(
        self,
        job_id: str,
        kind: EventType,
        message: str,
        *,
        actor: str = SYSTEM,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Append one event."""
        with self.begin() as connection:
            record_event(connection, job_id, kind, message, actor, data=data)

    def events(
        self,
        job_id: str,
        *,
        limit: int | None = 100,
        offset: int = 0,
        newest_first: bool = True,
        before: int | None = None,
    ) -> tuple[Sequence[Event], int]:
        """A page of a job's events and how many there are in all; see `queries.events`."""
        query = queries.events(job_id, limit=limit, offset=offset, newest_first=newest_first, before=before)
        rows, total = self._page(query)
        return [event_from_row(row) for row in rows], total

    def news(self, job_id: str, *, after: int, limit: int) -> tuple[TrainingJob, Sequence[Event]]:
        """The job, and the oldest of its events with a greater id than `after`; raises `NotFound`.

        The events are at least as new as the job: what its status says is told by one of them.
        """
        table = training_job_events.c
        events = (
            select(training_job_events).where(table.job_id == job_id, table.id > after).order_by(table.id).limit(limit)
        )
        with self.begin() as connection:
            job = connection.execute(select(training_jobs).where(training_jobs.c.id == job_id)).mappings().first()
            if job is None:
                raise _no_such_job(job_id)
            return job_from_row(job), [event_from_row(row) for row in connection.execute(events).mappings()]

    def server_started_at(self) -> datetime:
        """When the database server was started last, by its own clock. Reads only."""
        with self.begin() as connection:
            started: datetime = connection.execute(select(func.pg_postmaster_start_time())).scalar_one()
        return started

    def _page(self, query: Select[Any]) -> tuple[Sequence[dict[str, Any]], int]:
        with self.begin() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        total = [row.pop(queries.TOTAL) for row in rows]
        return [row for row in rows if row["id"] is not None], total[0]


def _no_such_job(job_id: str) -> NotFound:
    return NotFound(f"There is no training job {job_id!r}.", hint="Run `training-pipeline jobs list` to see all jobs.")
