"""Each row of the table of transitions while others cancel, poll, finish, fail and retry the job at the same moment.

Whatever happens: no update is lost, no transition is illegal, and each change leaves one event.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.backends.handles import Handle
from training_pipeline.backends.run_state import RunState
from training_pipeline.domain.errors import Conflict, GateRefused, NotFound, Unavailable
from training_pipeline.domain.job import ACTIVE, TERMINAL, TRANSITIONS, JobStatus, Phase, TrainingJob, may_become
from training_pipeline.domain.refs import required
from training_pipeline.infra.database import Database
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job
from training_pipeline.testing.polling import until
from training_pipeline.training_jobs.lifecycle.submit import accepted
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore

LEGAL = [(old, new) for old, row in TRANSITIONS.items() for new in sorted(row)]
HANDLE = Handle(backend_job_id="b", backend_run_id="r")
Verb = Callable[[Services, TrainingJob], Any]


def job_in(services: Services, status: JobStatus) -> TrainingJob:
    """A job in this status, as a launch or finalize run that is under way left it."""
    now = datetime.now(UTC)
    phase = Phase.LAUNCH if status is JobStatus.PENDING else Phase.FINALIZE
    values: dict[str, Any] = {f"{phase}_attempt": 1, f"{phase}_claimed_at": now}
    if status is not JobStatus.PENDING:
        values |= {"submit_intended_at": now, "launched_at": now}
    if status is JobStatus.RUNNING:
        values |= {"started_at": now}
    return services.store.create(new_job(training_sheet_id="small", status=status, **values), message="Created.")


def assert_consistent(store: JobStore, job_id: str) -> TrainingJob:
    """The journal tells a legal walk to the status that the job has, and the job is what that status says."""
    job, events = store.news(job_id, after=0, limit=1000)
    told = [event for event in events if event.new_status is not None]
    story = [(event.old_status, event.new_status, event.message) for event in events]
    for before, after in pairwise(told):
        assert after.old_status is before.new_status, story
        assert after.new_status in TRANSITIONS[before.new_status], story  # type: ignore[index]
    assert told[-1].new_status is job.status, story
    over = job.status in TERMINAL
    assert (job.completed_at is not None) == over, story
    assert (job.progress.percent == 100.0) == (job.status is JobStatus.SUCCEEDED), (story, job.progress.percent)
    if over:
        assert events[-1] is told[-1], story
        assert job.progress.eta_seconds is None, story
    asked = [event for event in events if event.message.startswith("Cancel requested")]
    assert len(asked) <= 1, story
    if asked:
        assert job.cancellation.requested_at is not None
    if job.status is not JobStatus.CANCELLED:
        assert (job.cancellation.requested_at is not None) == bool(asked), story
    return job


def cancel(services: Services, job: TrainingJob) -> None:
    """Cancel, and check that the answer is true of the job."""
    try:
        answer = services.jobs.cancel(job.id, actor="eve", reason="wrong sheet")
    except Conflict:
        assert services.store.get(job.id).status in TERMINAL - {JobStatus.CANCELLED}
    else:
        now = services.store.get(job.id)
        assert answer.cancellation.requested_at is not None or answer.status is JobStatus.CANCELLED
        assert answer.status is not JobStatus.CANCELLED or now.status is JobStatus.CANCELLED


def retry(services: Services, job: TrainingJob) -> None:
    """Retry, and check that only a job that is over in the right way has been."""
    try:
        again = services.jobs.retry(job.id, actor="eve")
    except Conflict:
        return
    assert services.store.get(job.id).status in TERMINAL - {JobStatus.SUCCEEDED}
    assert (again.retry_of, again.attempt, again.status) == (job.id, job.attempt + 1, JobStatus.PENDING)


def poll(services: Services, job: TrainingJob) -> None:
    services.poller.poll(job.id)


def finish(services: Services, job: TrainingJob) -> None:
    if job.status is not JobStatus.PENDING:  # one that was not submitted is not finished
        services.finalizer.succeed(job.id)


def fail(services: Services, job: TrainingJob) -> None:
    phase = Phase.LAUNCH if job.status is JobStatus.PENDING else Phase.FINALIZE
    services.failures.raised(phase, job.id, 1, GateRefused("Too few pairs."))


def accept(services: Services, job: TrainingJob) -> None:
    accepted(services.store, services.store.get(job.id), HANDLE)


def polled(state: RunState | Exception) -> Verb:
    """A poll that finds the run in this state."""

    def verb(services: Services, job: TrainingJob) -> None:
        services.backend.state = state  # type: ignore[attr-defined]
        poll(services, job)

    return verb


VERBS: dict[str, Verb] = {
    "cancel": cancel,
    "retry": retry,
    "finish": finish,
    "fail": fail,
    "accept": accept,
    "poll: running": polled(RunState(status=JobStatus.RUNNING, step=5, planned_steps=10, eta_seconds=5.0)),
    "poll: succeeded": polled(RunState(status=JobStatus.SUCCEEDED, step=10, planned_steps=10)),
    "poll: failed": polled(RunState(status=JobStatus.FAILED, error="Out of memory.")),
    "poll: cancelled": polled(RunState(status=JobStatus.CANCELLED)),
    "poll: timeout": polled(RunState(status=JobStatus.TIMEOUT)),
    "poll: unknown": polled(NotFound("no such run")),
    "poll: silent": polled(Unavailable("no answer")),
}


def waiting(store: JobStore) -> int:
    """How many connections wait for a lock now."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with store.begin() as connection:
        return int(connection.execute(query).scalar_one())


@contextmanager
def held_events(database: Database) -> Iterator[None]:
    """Whoever writes an event waits, and whoever wants to change the same job waits for them, until the block ends."""
    with database.engine(pooled=False).begin() as connection:
        connection.execute(text("LOCK TABLE training_job_events IN SHARE MODE"))
        yield


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_that_is_overtaken_by_a_change(services: Services, name: str) -> None:
    """The verb has looked at the job and is about to write when the job takes each of the legal steps."""
    store, verb = services.store, VERBS[name]
    for old, new in LEGAL:
        job = job_in(services, old)
        with ThreadPoolExecutor(2) as pool:
            with held_events(services.database):
                change = pool.submit(store.change, job, new, message="overtakes")
                until(lambda: waiting(store) == 1)
                overtaken = pool.submit(verb, services, job)
                until(lambda: waiting(store) == 2 or overtaken.done())  # noqa: B023 - called at once
            assert change.result() is not None, (old, new)
            overtaken.result()
        assert_consistent(store, job.id)


@pytest.mark.parametrize("old", sorted(ACTIVE))
def test_of_all_the_steps_from_a_status_one_is_taken(services: Services, old: JobStatus) -> None:
    """Everyone has seen the same status and waits for the same row; then they are let go in an order of chance."""
    store, chance = services.store, random.Random(str(old))
    for _ in range(6):
        job = job_in(services, old)
        steps = [*TRANSITIONS[old]] * 2
        chance.shuffle(steps)
        with ThreadPoolExecutor(len(steps)) as pool, store.engine.connect() as connection:
            connection.execute(text("SELECT FROM training_jobs WHERE id = :id FOR UPDATE"), {"id": job.id})
            taken = [pool.submit(store.change, job, step, message=f"to {step}") for step in steps]
            until(lambda: waiting(store) == len(steps))  # noqa: B023
            connection.rollback()
            won = [done for done in (future.result() for future in taken) if done is not None]
        assert len(won) == 1
        assert assert_consistent(store, job.id) == won[0]
        assert store.events(job.id)[1] == 2


@pytest.mark.parametrize("old", sorted(TERMINAL))
def test_terminal_is_terminal_whatever_is_tried(services: Services, old: JobStatus) -> None:
    assert not any(may_become(old, new) for new in JobStatus)
    job = job_in(services, JobStatus.QUEUED)
    over = services.store.change(services.store.change(job, JobStatus.RUNNING, message="on") or job, old, message="end")
    assert over is not None
    together([lambda verb=verb: verb(services, job) for verb in VERBS.values()])  # type: ignore[misc]
    assert assert_consistent(services.store, job.id).completed_at == over.completed_at


@pytest.mark.parametrize("old", sorted(ACTIVE))
def test_everything_at_once(services: Services, old: JobStatus) -> None:
    """Rounds of verbs that are let go at the same moment; then others, on what those have made of the job."""
    chance = random.Random(str(old))
    ends: set[JobStatus] = set()
    for _ in range(12):
        job = job_in(services, old)
        while job.status in ACTIVE:
            verbs = chance.sample(sorted(VERBS), k=6)
            together([lambda name=name: VERBS[name](services, job) for name in verbs])  # type: ignore[misc]  # noqa: B023
            job = assert_consistent(services.store, job.id)
        ends.add(job.status)
    assert len(ends) > 1


def test_a_job_is_cancelled_or_submitted_and_never_both(services: Services, backend: ScriptedBackend) -> None:
    """The launch run means to submit just when somebody cancels."""
    store = services.store
    first = prepared(services, job_in(services, JobStatus.PENDING).id)
    dataset, record = required(first.data.dataset, "dataset"), lineage.read(store, first.id)
    for number in range(8):
        job = job_in(services, JobStatus.PENDING)
        lineage.write(store, record.model_copy(update={"job_id": job.id}))

        def submit(job: TrainingJob = job) -> None:
            try:
                services.launcher.submit(job, dataset)
            except Conflict:
                assert store.get(job.id).status is JobStatus.CANCELLED

        def cancelled(job: TrainingJob = job) -> None:
            services.jobs.cancel(job.id, actor="eve", reason="wrong sheet")

        together([submit, cancelled] if number % 2 else [cancelled, submit])
        job = assert_consistent(store, job.id)
        assert ((job.id, 1) in backend.known) == (job.status is not JobStatus.CANCELLED)
        assert job.cancellation.requested_at is not None


def together(calls: list[Callable[[], Any]]) -> None:
    """Make the calls at the same moment, each in a thread of its own."""
    barrier = threading.Barrier(len(calls))

    def one(call: Callable[[], Any]) -> None:
        barrier.wait(20)
        call()

    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(one, call) for call in calls]:
            done.result()
