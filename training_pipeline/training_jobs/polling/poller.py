"""Polls jobs: which ones are due, how many at once, and how long a backend may take.

A poll that goes wrong fails no job at once: that is an event, and the next poll comes after a pause. A job is failed
where its backend has told nothing until the deadline that it is given, or has not known it for `apply.LOST_SECONDS`.
Backends are asked in threads, so that one that hangs holds up neither the others nor whoever polls; all that is written
is written by the thread that polls, on one connection.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.exc import DBAPIError

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.run_state import BulkStatus, Run, RunState
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.infra.bounded_calls import BoundedCalls, Call
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.polling import apply
from training_pipeline.training_jobs.polling.observe import Observation, is_unchanged, is_watched, observe
from training_pipeline.training_jobs.polling.permission import Permission
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import job_from_row
from training_pipeline.training_jobs.store.tables import training_jobs

#: How long one observation that somebody asked for is waited for. The request that asks may take 60 s.
ANSWER_SECONDS: Final = 20.0
#: An observation that takes longer counts as one that failed; its answer is still taken when it comes.
HUNG_SECONDS: Final = 60.0
#: Of a tick's time, the share in which all states at once must come; what is left is for asking one by one.
BULK_SHARE: Final = 0.5
#: Jobs considered in one tick: they are polled in 20 s only where a backend tells all states at once.
MOST_JOBS: Final = 10_000
#: Jobs read at once: as few as keep the threads at work, for what was read grows old.
ROWS: Final = 64
#: Observations without news that are noted in one statement.
UNCHANGED: Final = 200

_log = logging.getLogger(__name__)


class Subject(NamedTuple):
    """A job as it was when an observation of it began, by the database's clock."""

    job: TrainingJob
    began: datetime


ObservationCall = Call[Subject, Observation]


class Poller:
    """Polls jobs that the backend has accepted, with at most `threads` observations at work in this process."""

    def __init__(
        self,
        store: JobStore,
        backend: FineTuningBackend,
        tracking: RunTracking,
        *,
        threads: int = 32,
        hung_seconds: float = HUNG_SECONDS,
        deadline_seconds: float = 86400.0,
        permission: Permission | None = None,
    ) -> None:
        self._deadline_seconds = deadline_seconds
        self._store = store
        self._backend = backend
        self._tracking = tracking
        self._permission = permission
        self._observations: BoundedCalls[Subject, Observation] = BoundedCalls(threads, hung_after=hung_seconds)
        self._bulk: BoundedCalls[None, Mapping[Run, RunState]] = BoundedCalls(1, hung_after=hung_seconds)

    def poll_due(self, *, seconds: float = 20.0) -> list[TrainingJob]:
        """Poll the jobs that are due, the longest unseen first, for so many seconds; those seen, as they now are.

        Returns in time whatever the backend does: an observation that has no answer yet is left to a later call.
        """
        deadline = time.monotonic() + seconds
        tick = _Tick(self._store)
        self._settle_all(self._observations.left(), tick)
        for call in self._observations.hanging():
            self._tell(call, HUNG_SECONDS)
        runs = [run for run in self._due() if not self._observations.is_under_way(run[0])]
        states = self._states_of_all(runs, deadline - seconds * (1 - BULK_SHARE))
        try:
            self._observe_all(runs, states, deadline, tick)
        finally:
            tick.flush()
        return tick.seen

    def poll_if_due(self, job_id: str) -> TrainingJob:
        """Poll one job, unless its pause after an error is not over yet; the job as it then is."""
        for job, now in self._read([job_id]):
            if job.polling.after is not None and job.polling.after > now:
                return job
        return self.poll(job_id)

    def poll(self, job_id: str, *, seconds: float = ANSWER_SECONDS) -> TrainingJob:
        """Poll one job now and return it as it then is; `poll_errors` says whether that went wrong.

        Raises `NotFound` for a job that is not stored, never for a fault of the backend.
        """
        deadline = time.monotonic() + seconds
        while True:
            subjects = self._read([job_id])
            if not subjects:
                return self._store.get(job_id)
            left = deadline - time.monotonic()
            call = self._begin(subjects[0])
            if call is None and left > 0:
                self._observations.wait(min(left, 1.0))
                continue
            if call is None:
                busy = Unavailable("too many polls are waiting for its answer")
                return apply.record_error(self._store, subjects[0].job, busy) or self._store.get(job_id)
            if call.given_up and call.answer.done():  # the late answer to an earlier question
                self._settle(call)
                continue
            wait([call.answer], timeout=max(0.0, left))
            if not call.answer.done():
                call.given_up = True
                return self._tell(call, seconds)
            return self._settle(call)

    def _observe_all(self, runs: Sequence[Run], states: Mapping[Run, RunState], deadline: float, tick: _Tick) -> None:
        """Poll the jobs of these runs in turn, as threads are free, and take what is answered by the deadline."""
        queue, rows, mine = deque(runs), deque[Subject](), dict[Future[Observation], ObservationCall]()
        answered: SimpleQueue[Future[Observation]] = SimpleQueue()
        read_at = 0.0
        try:
            while (left := deadline - time.monotonic()) > 0:
                if not rows and queue:
                    read_at = time.monotonic()
                    rows.extend(self._read([queue.popleft()[0] for _ in range(min(ROWS, len(queue)))]))
                while rows:
                    subject = _later(rows[0], read_at)
                    state = states.get((subject.job.id, subject.job.attempt))
                    if is_unchanged(subject.job, state):
                        tick.unchanged(*subject)
                    elif (call := self._begin(subject, state)) is None:
                        break
                    elif call.answer not in mine:
                        mine[call.answer] = call
                        call.answer.add_done_callback(answered.put)
                    rows.popleft()
                if queue and not rows:
                    continue
                if not rows and not mine:
                    return
                if not mine:  # the observations of others have all the threads
                    self._observations.wait(min(left, 1.0))
                    continue
                self._settle_all([mine.pop(answer) for answer in _all_of(answered, left)], tick)
        finally:
            for call in mine.values():
                call.given_up = True

    def _begin(self, subject: Subject, state: RunState | None = None) -> ObservationCall | None:
        job = subject.job
        return self._observations.begin(
            job.id,
            subject,
            lambda: observe(self._backend, self._tracking, job, state, permission=self._permission),
        )

    def _settle(self, call: ObservationCall) -> TrainingJob:
        """Write what a finished observation found, unless somebody else does; the job as it then is."""
        written = self._written([call]) if self._observations.take(call) else [None]
        return written[0] or self._store.get(call.subject.job.id)

    def _settle_all(self, done: Collection[ObservationCall], tick: _Tick) -> None:
        """Write what finished observations found, together: what is slow about a small transaction is its end."""
        news: list[ObservationCall] = []
        for call in done:
            if self._observations.take(call):
                job, began = call.subject
                if call.answer.exception() is None and not call.answer.result().has_news(job):
                    tick.unchanged(job, began)
                else:
                    news.append(call)
        tick.seen += [job for job in self._written(news) if job is not None]

    def _written(self, calls: Collection[ObservationCall]) -> list[TrainingJob | None]:
        """The jobs as they then are, None where an observation was dropped. One transaction, if all can be had."""
        answers = [apply.Answer(*call.subject, _outcome(call)) for call in calls]
        try:
            return apply.record(self._store, answers, deadline_seconds=self._deadline_seconds) if answers else []
        except DBAPIError as refused:  # a value that no column holds is the trouble of one job
            if len(calls) > 1:
                return [job for call in calls for job in self._written([call])]
            return apply.record(self._store, [answers[0]._replace(outcome=refused)])

    def _tell(self, call: ObservationCall, seconds: float) -> TrainingJob:
        """Note, once, that an observation has no answer. When it comes it is taken all the same."""
        job, began = call.subject
        silent = Unavailable(f"it has not answered for {seconds:.0f} s")
        if not call.told and (now := apply.record_error(self._store, job, silent)) is not None:
            call.subject = Subject(now, began)
        call.told = True
        return self._store.get(job.id)

    def _states_of_all(self, runs: Sequence[Run], deadline: float) -> Mapping[Run, RunState]:
        """What the backend says of all runs at once, where it can; the runs that are missing are asked about singly."""
        backend = self._backend
        if not isinstance(backend, BulkStatus) or not runs:
            return {}
        call = self._bulk.begin("statuses", None, lambda: backend.statuses(runs))
        if call is not None and call.given_up and call.answer.done():  # it came too late for its own tick
            self._bulk.take(call)
            call = self._bulk.begin("statuses", None, lambda: backend.statuses(runs))
        if call is None:
            return {}
        wait([call.answer], timeout=max(0.0, deadline - time.monotonic()))
        if not call.answer.done():
            call.given_up = True
            _log.warning("the backend did not list all states in time; polling each job")
            return {}
        self._bulk.take(call)
        error = call.answer.exception()
        if error is None:
            return call.answer.result()
        _log.warning("the backend could not list all states (%s); polling each job", type(error).__name__)
        return {}

    def _due(self) -> list[Run]:
        """The runs of jobs to poll, the longest unseen first."""
        table = training_jobs.c
        query = (
            select(table.id, table.attempt)
            .where(
                table.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]),
                table.backend_status.is_(None),
                or_(table.poll_after.is_(None), table.poll_after <= func.clock_timestamp()),
            )
            .order_by(table.polled_at.asc().nulls_first(), table.id)
            .limit(MOST_JOBS)
        )
        with self._store.begin() as connection:
            return [(job_id, attempt) for job_id, attempt in connection.execute(query)]

    def _read(self, job_ids: Sequence[str]) -> list[Subject]:
        """Those of the jobs that are watched, in the given order, with the database's time."""
        now = func.clock_timestamp().label("now")
        query = select(training_jobs, now).where(training_jobs.c.id.in_(job_ids))
        with self._store.begin() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        subjects = {row["id"]: Subject(began=row.pop("now"), job=job_from_row(row)) for row in rows}
        return [subjects[job_id] for job_id in job_ids if job_id in subjects and is_watched(subjects[job_id].job)]


class _Tick:
    """The jobs that one call of `poll_due` has seen, and those of them that are yet to be noted as unchanged."""

    def __init__(self, store: JobStore) -> None:
        self.seen: list[TrainingJob] = []
        self._store = store
        self._unchanged: list[tuple[str, datetime]] = []

    def unchanged(self, job: TrainingJob, began: datetime) -> None:
        self._unchanged.append((job.id, began))
        self.seen.append(job)
        if len(self._unchanged) >= UNCHANGED:
            self.flush()

    def flush(self) -> None:
        noted, self._unchanged = self._unchanged, []
        apply.record_unchanged(self._store, noted)


def _outcome(call: ObservationCall) -> Observation | Exception:
    error = call.answer.exception()
    if error is None:
        return call.answer.result()
    if isinstance(error, Exception):
        return error
    raise error


def _all_of(answered: SimpleQueue[Future[Observation]], seconds: float) -> list[Future[Observation]]:
    """All that is in the queue, once there is something in it, or after so many seconds."""
    found: list[Future[Observation]] = []
    with suppress(Empty):
        found.append(answered.get(timeout=seconds))
        while True:
            found.append(answered.get_nowait())
    return found


def _later(subject: Subject, read_at: float) -> Subject:
    """The subject of an observation that begins now, of a row that was read at `read_at` by the monotonic clock."""
    return Subject(subject.job, subject.began + timedelta(seconds=time.monotonic() - read_at))
