from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import event

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.run_state import BulkStatus, Run, RunState
from training_pipeline.domain.errors import BackendFailed, NotFound, Unavailable
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.infra.database import Database
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job, point
from training_pipeline.testing.polling import until
from training_pipeline.testing.soak import examples
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline.training_jobs.polling.apply import LOST_SECONDS
from training_pipeline.training_jobs.polling.observe import is_unchanged, observe
from training_pipeline.training_jobs.polling.poller import Poller
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.metrics import series

RUNNING = RunState(status=JobStatus.RUNNING)


class UnevenBackend(ScriptedBackend):
    """Answers about each job as `states` says, by job id; what is not named there gets the state of all."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, Callable[[], RunState]] = {}
        self.asked: list[str] = []

    def status(self, job_id: str, attempt: int) -> RunState:
        self.asked.append(job_id)
        return self.states[job_id]() if job_id in self.states else super().status(job_id, attempt)


class BulkBackend(UnevenBackend):
    """Tells all states at once too."""

    def __init__(self) -> None:
        super().__init__()
        self.all: Callable[[Collection[Run]], Mapping[Run, RunState]] = lambda runs: dict.fromkeys(runs, RUNNING)

    def statuses(self, runs: Collection[Run]) -> Mapping[Run, RunState]:
        return self.all(runs)


@pytest.fixture
def backend() -> UnevenBackend:
    return UnevenBackend()


@pytest.fixture
def tracking(database: Database, tmp_path: Path) -> Tracking:
    return Tracking(SecretStr(database.url("mlflow")), experiment="tests", artifacts=tmp_path)


@pytest.fixture
def make(store: JobStore, tracking: Tracking) -> Callable[..., Poller]:
    return lambda backend, **values: Poller(store, backend, tracking, **values)


@pytest.fixture
def poller(make: Callable[..., Poller], backend: UnevenBackend) -> Poller:
    return make(backend)


@pytest.fixture
def hang() -> Iterator[Callable[[], RunState]]:
    """An observation that has no answer until the test is over."""
    over = threading.Event()

    def answer() -> RunState:
        over.wait(30)
        return RUNNING

    yield answer
    over.set()


def stored(store: JobStore, **values: Any) -> TrainingJob:
    return store.create(new_job(**{"status": JobStatus.QUEUED, **values}), message="Created.")


def happened(store: JobStore, job: TrainingJob, kind: EventType) -> list[str]:
    """What happened to the job, of one kind, oldest first; without its creation."""
    found = [event for event in store.events(job.id, newest_first=False)[0] if event.message != "Created."]
    return [event.message for event in found if event.type is kind]


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


# What an observation means for a job.


def test_a_run_is_followed_from_queued_to_done(store: JobStore, backend: UnevenBackend, poller: Poller) -> None:
    job = stored(store)
    assert poller.poll(job.id).status is JobStatus.QUEUED
    backend.state = RunState(status=JobStatus.RUNNING, step=1, planned_steps=4, epoch=0.25)
    backend.points = [point("train_loss", 1, 6.0)]
    job = poller.poll(job.id)
    assert (job.status, job.progress.percent, job.progress.train_loss) == (JobStatus.RUNNING, 25.0, 6.0)
    backend.state = RunState(status=JobStatus.SUCCEEDED, step=4, planned_steps=4)
    backend.points.append(point("train_loss", 4, 3.0))
    job = poller.poll(job.id)
    assert (job.status, job.polling.backend_status) == (JobStatus.RUNNING, JobStatus.SUCCEEDED)
    assert job.progress.percent == 99.0
    assert series(store, job.id)["train_loss"].tolist() == [6.0, 3.0]
    before, asked = store.events(job.id)[1], len(backend.asked)
    assert poller.poll(job.id) == job
    assert poller.poll_due() == []
    assert (store.events(job.id)[1], len(backend.asked)) == (before, asked)  # its end is known: nothing is left to ask


def test_what_a_training_waits_for_is_told_once_and_so_is_its_end(
    store: JobStore, backend: UnevenBackend, poller: Poller
) -> None:
    job = stored(store)
    full = "The disk is full. Free some space."
    backend.state = RunState(status=JobStatus.RUNNING, step=1, planned_steps=4, waits_for=full)
    for _ in range(3):
        job = poller.poll(job.id)
        assert (job.status, job.error_message) == (JobStatus.RUNNING, full)
    assert happened(store, job, EventType.ERROR) == [full]
    backend.state = RunState(status=JobStatus.RUNNING, step=1, planned_steps=4)
    for _ in range(2):
        assert poller.poll(job.id).error_message is None
    assert happened(store, job, EventType.INFO)[-1] == "What the training waited for is available; it continues."
    assert happened(store, job, EventType.ERROR) == [full]


@pytest.mark.parametrize("end", [JobStatus.FAILED, JobStatus.TIMEOUT])
def test_a_run_that_ended_badly_ends_the_job_with_its_cause(
    store: JobStore, backend: UnevenBackend, poller: Poller, end: JobStatus
) -> None:
    backend.state = RunState(status=end, error="Out of memory at step 3.", error_details={"step": 3})
    job = poller.poll(stored(store).id)
    assert (job.status, job.polling.backend_status) == (end, end)
    assert (job.error_message, job.error_details) == ("Out of memory at step 3.", {"step": 3})
    assert happened(store, job, EventType.STATUS_CHANGE) == ["Training has started."]
    assert happened(store, job, EventType.ERROR) == ["Out of memory at step 3."]


def test_a_cancel_is_a_request_until_the_backend_confirms_it(
    store: JobStore, backend: UnevenBackend, poller: Poller
) -> None:
    job = stored(store, status=JobStatus.RUNNING, cancel_requested_at=ago(1), cancel_reason="wrong sheet")
    backend.state = RUNNING
    assert poller.poll(job.id).status is JobStatus.RUNNING
    assert backend.cancelled == [job.id]
    backend.state = RunState(status=JobStatus.CANCELLED)
    assert poller.poll(job.id).status is JobStatus.CANCELLED
    assert "wrong sheet" in store.events(job.id)[0][0].message


def test_a_lost_run_is_recovered(store: JobStore, backend: UnevenBackend, poller: Poller) -> None:
    backend.state = RunState(status=JobStatus.FAILED, lost=True, error="its supervisor is gone")
    job = poller.poll(stored(store, status=JobStatus.RUNNING).id)
    assert job.status is JobStatus.RUNNING
    assert backend.recovered == [job.id]


def test_a_job_that_its_backend_has_lost_fails_after_the_stated_time(
    store: JobStore, backend: UnevenBackend, poller: Poller
) -> None:
    backend.state = NotFound("no such run")
    job = poller.poll(stored(store, status=JobStatus.RUNNING).id)
    assert (job.status, job.polling.errors) == (JobStatus.RUNNING, 0)
    store.update(job.id, {"lost_since": ago(LOST_SECONDS - 60)})
    assert poller.poll(job.id).status is JobStatus.RUNNING
    store.update(job.id, {"lost_since": ago(LOST_SECONDS + 1)})
    job = poller.poll(job.id)
    # The finalize run shows the cause in Dagster, and closes the MLflow run.
    assert (job.status, job.polling.backend_status) == (JobStatus.FAILED, JobStatus.FAILED)
    assert [message.split(";")[0] for message in happened(store, job, EventType.ERROR)] == [
        "The backend does not know this job",
        "The backend has lost this job and what it had trained. Retry the job.",
    ]


def test_a_run_that_is_found_again_is_not_counted_as_lost(
    store: JobStore, backend: UnevenBackend, poller: Poller
) -> None:
    backend.state = NotFound("no such run")
    job = poller.poll(stored(store, status=JobStatus.RUNNING).id)
    store.update(job.id, {"lost_since": ago(LOST_SECONDS - 1)})
    backend.state = RUNNING
    assert poller.poll(job.id).polling.lost_since is None
    assert happened(store, job, EventType.INFO) == ["The backend knows this job again."]
    backend.state = NotFound("no such run")
    assert poller.poll(job.id).status is JobStatus.RUNNING


def test_points_reach_mlflow_once(store: JobStore, backend: UnevenBackend, poller: Poller, tracking: Tracking) -> None:
    job = stored(store, status=JobStatus.RUNNING)
    _, run_id = tracking.start_run(job.id, params={}, tags={})
    store.update(job.id, {"mlflow_run_id": run_id})
    backend.state = RUNNING
    backend.points = [point("train_loss", 1, 6.0), point("train_loss", 2, 5.0)]
    poller.poll(job.id)
    store.update(job.id, {"mlflow_offset": 0})  # as if we had died between writing and noting it
    poller.poll(job.id)
    history = tracking.client.get_metric_history(run_id, "train_loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 6.0), (2, 5.0)]
    assert store.get(job.id).polling.mlflow_offset == 2


def test_a_job_goes_on_without_mlflow_and_its_curves_follow(
    store: JobStore, backend: UnevenBackend, poller: Poller, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stored(store, status=JobStatus.RUNNING)
    _, run_id = tracking.start_run(job.id, params={}, tags={})
    store.update(job.id, {"mlflow_run_id": run_id})

    def away(*_: Any) -> None:
        raise ConnectionError("token=dapi123")

    with monkeypatch.context() as without:
        without.setattr(tracking, "log_points", away)
        for step in (1, 2):
            backend.state = RunState(status=JobStatus.RUNNING, step=step, planned_steps=4)
            backend.points.append(point("train_loss", step, 6.0 - step))
            job = poller.poll(job.id)
    assert (job.progress.current_step, job.progress.train_loss, job.polling.errors) == (2, 4.0, 0)
    assert happened(store, job, EventType.ERROR) == [
        "Metrics could not be copied to MLflow (ConnectionError); retrying."
    ]
    poller.poll(job.id)
    assert len(tracking.client.get_metric_history(run_id, "train_loss")) == 2


def test_a_point_that_is_no_number_is_told_and_not_stored(
    store: JobStore, backend: UnevenBackend, poller: Poller
) -> None:
    backend.state = RUNNING
    backend.points = [point("train_loss", 1, 6.0), point("train_loss_not_finite", 2, 1.0)]
    job = poller.poll(stored(store, status=JobStatus.RUNNING).id)
    assert series(store, job.id)["train_loss"].dropna().tolist() == [6.0]
    assert happened(store, job, EventType.METRIC_UPDATE) == ["Warning: train_loss is not a finite number at step 2."]


# Errors and pauses.


def test_errors_are_one_event_a_streak_and_never_fail_a_job(
    store: JobStore, backend: UnevenBackend, poller: Poller
) -> None:
    job = stored(store)
    for _ in range(2):
        backend.state = Unavailable("The backend does not answer.")
        for _ in range(20):
            job = poller.poll(job.id)
        assert (job.status, job.polling.errors) == (JobStatus.QUEUED, 20)
        assert poller.poll_due() == []
        store.update(job.id, {"poll_after": ago(1)})
        backend.state = RunState(status=JobStatus.QUEUED)
        assert [seen.polling.errors for seen in poller.poll_due()] == [0]
        assert store.get(job.id).polling.after is None
    assert (
        happened(store, job, EventType.ERROR)
        == ["Could not poll the backend (The backend does not answer.); retrying."] * 2
    )
    assert happened(store, job, EventType.INFO) == ["The backend answers again after 20 failed poll(s)."] * 2


@pytest.mark.parametrize(
    "error", [Unavailable("It does not answer."), BackendFailed("It refuses."), KeyError("a bug of ours")]
)
def test_no_error_is_waited_for_without_end(
    error: Exception, store: JobStore, backend: UnevenBackend, make: Callable[..., Poller]
) -> None:
    poller, job = make(backend, deadline_seconds=20.0), stored(store)
    backend.state = error
    polled = [poller.poll(job.id).status for _ in range(4)]
    assert polled == [JobStatus.QUEUED] * 3 + [JobStatus.FAILED]
    now = store.get(job.id)
    assert (now.error_message or "").startswith("Gave up after 20 s without an answer")
    assert now.polling.backend_status is JobStatus.FAILED


def test_what_a_library_says_is_not_repeated(store: JobStore, backend: UnevenBackend, poller: Poller) -> None:
    backend.state = RuntimeError("token=dapi123 for https://host")
    job = poller.poll(stored(store).id)
    said = " ".join(event.message for event in store.events(job.id)[0])
    assert "dapi123" not in said
    assert "RuntimeError" in said


def test_a_job_whose_pause_is_not_over_is_left_alone(store: JobStore, backend: UnevenBackend, poller: Poller) -> None:
    job = stored(store, poll_errors=5000, poll_after=datetime.now(UTC) + timedelta(minutes=1))
    assert poller.poll_if_due(job.id) == store.get(job.id)
    assert backend.asked == []
    store.update(job.id, {"poll_after": ago(1)})
    assert poller.poll_if_due(job.id).polling.errors == 0


def test_a_value_that_no_column_holds_is_the_trouble_of_its_own_job(
    store: JobStore, backend: UnevenBackend, poller: Poller
) -> None:
    bad, good = stored(store, status=JobStatus.RUNNING), stored(store, status=JobStatus.RUNNING)
    backend.states[bad.id] = lambda: RunState(status=JobStatus.RUNNING, step=2**40)
    backend.state = RunState(status=JobStatus.RUNNING, step=7)
    poller.poll_due()
    assert (store.get(good.id).progress.current_step, store.get(good.id).polling.errors) == (7, 0)
    assert (store.get(bad.id).progress.current_step, store.get(bad.id).polling.errors) == (None, 1)


# Many jobs.


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | st.integers(0, 10_000), max_size=8, unique_by=lambda seen: seen or object()))
def test_the_longest_unseen_come_first_and_each_once(
    store: JobStore, make: Callable[..., Poller], seen_at: list[int | None]
) -> None:
    backend = UnevenBackend()
    sheet = str(uuid4())
    jobs = [stored(store, training_sheet_id=sheet, polled_at=None if seen is None else ago(seen)) for seen in seen_at]
    make(backend, threads=1).poll_due()
    asked = [job_id for job_id in backend.asked if job_id in {job.id for job in jobs}]
    expected = sorted(jobs, key=lambda job: (job.polling.polled_at is not None, job.polling.polled_at, job.id))
    assert asked == [job.id for job in expected]
    for job in jobs:
        store.change(store.get(job.id), JobStatus.CANCELLED, message="over")


def test_jobs_that_are_not_with_the_backend_are_not_looked_at(
    store: JobStore, backend: UnevenBackend, poller: Poller
) -> None:
    for status in JobStatus:
        stored(store, status=status)
    poller.poll_due()
    looked = {store.get(job_id).status for job_id in backend.asked}
    assert (len(backend.asked), looked) == (2, {JobStatus.QUEUED, JobStatus.RUNNING})


def test_jobs_without_news_cost_a_few_statements_together(
    store: JobStore, backend: UnevenBackend, poller: Poller
) -> None:
    jobs = [stored(store, status=JobStatus.RUNNING) for _ in range(100)]
    backend.state = RunState(status=JobStatus.RUNNING, step=1, planned_steps=4)
    statements: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert len(poller.poll_due()) == 100
    writes = Counter(text.split()[0] for text in statements if "pg_notify" not in text)
    assert writes == {"SELECT": 3, "UPDATE": 100}
    before = store.get(jobs[0].id)
    statements.clear()
    assert len(poller.poll_due()) == 100
    assert Counter(text.split()[0] for text in statements) == {"SELECT": 3, "UPDATE": 1}
    after = store.get(jobs[0].id)
    assert after.updated_at == before.updated_at
    assert before.polling.polled_at is not None
    assert after.polling.polled_at is not None
    assert after.polling.polled_at > before.polling.polled_at


# Backends that hang.


def test_an_observation_that_hangs_holds_up_nobody_and_costs_one_thread(
    store: JobStore, backend: UnevenBackend, make: Callable[..., Poller], hang: Callable[[], RunState]
) -> None:
    poller = make(backend, threads=2)
    stuck, *well = [stored(store) for _ in range(6)]
    backend.states[stuck.id] = hang
    backend.state = RUNNING
    before = threading.active_count()
    for _ in range(3):
        started = time.monotonic()
        assert {job.id for job in poller.poll_due(seconds=1.5)} == {job.id for job in well}
        assert time.monotonic() - started < 4
        assert threading.active_count() <= before + 1
    assert backend.asked.count(stuck.id) == 1


def test_threads_are_bounded_when_everything_hangs(
    store: JobStore, backend: UnevenBackend, make: Callable[..., Poller], hang: Callable[[], RunState]
) -> None:
    poller = make(backend, threads=2, hung_seconds=0.05)
    jobs = [stored(store) for _ in range(12)]
    backend.states = dict.fromkeys((job.id for job in jobs), hang)
    before = threading.active_count()
    for _ in range(6):
        assert poller.poll_due(seconds=0.2) == []
    assert threading.active_count() <= before + 2 * 4
    told = [job for job in jobs if happened(store, job, EventType.ERROR)]
    assert 2 <= len(told) <= 8
    assert all(len(happened(store, job, EventType.ERROR)) == 1 for job in told)
    assert {store.get(job.id).status for job in jobs} == {JobStatus.QUEUED}


def test_a_late_answer_is_taken_all_the_same(
    store: JobStore, backend: UnevenBackend, make: Callable[..., Poller]
) -> None:
    poller = make(backend, hung_seconds=0.05)
    job, come = stored(store), threading.Event()

    def late() -> RunState:
        come.wait(30)
        return RunState(status=JobStatus.RUNNING, step=3)

    backend.states[job.id] = late
    assert poller.poll_due(seconds=0.2) == []
    assert poller.poll_due(seconds=0.2) == []
    assert store.get(job.id).polling.errors == 1
    come.set()
    until(lambda: [seen.id for seen in poller.poll_due(seconds=0.2)] == [job.id], what="the late answer")
    now = store.get(job.id)
    assert (now.status, now.progress.current_step, now.polling.errors) == (JobStatus.RUNNING, 3, 0)
    assert happened(store, job, EventType.INFO) == ["The backend answers again after 1 failed poll(s)."]


def test_who_asks_about_one_job_does_not_wait_for_ever(
    store: JobStore, backend: UnevenBackend, poller: Poller, hang: Callable[[], RunState]
) -> None:
    job = stored(store)
    backend.states[job.id] = hang
    for _ in range(2):
        assert poller.poll(job.id, seconds=0.1).polling.errors == 1
    assert backend.asked == [job.id]
    assert happened(store, job, EventType.ERROR) == [
        "Could not poll the backend (it has not answered for 0 s); retrying."
    ]


# All states at once.


def test_states_that_are_told_at_once_are_not_asked_for_singly(store: JobStore, make: Callable[..., Poller]) -> None:
    backend = BulkBackend()
    assert isinstance(backend, BulkStatus)
    assert not isinstance(UnevenBackend(), BulkStatus)
    known, unknown = stored(store), stored(store)
    backend.all = lambda runs: {(known.id, 1): RunState(status=JobStatus.RUNNING, step=5)}
    backend.state = RunState(status=JobStatus.RUNNING, step=6)
    make(backend).poll_due()
    assert [store.get(job.id).progress.current_step for job in (known, unknown)] == [5, 6]
    assert backend.asked == [unknown.id]


def test_a_job_is_not_asked_for_its_points_where_the_states_told_at_once_say_that_there_are_no_more(
    store: JobStore, make: Callable[..., Poller], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = BulkBackend()
    backend.points = [point("train_loss", 1, 2.0)]
    still, moves = (stored(store, status=JobStatus.RUNNING, current_step=1, metrics_offset=1) for _ in range(2))
    states = {still.id: RunState(status=JobStatus.RUNNING, step=1, metrics_offset=1)}
    states[moves.id] = RunState(status=JobStatus.RUNNING, step=2, metrics_offset=1)
    backend.all = lambda runs: {run: states[run[0]] for run in runs}
    monkeypatch.setattr(backend, "metrics", lambda *_: pytest.fail("asked for points that are known"))
    seen = make(backend).poll_due()
    assert {job.id: job.progress.current_step for job in seen} == {still.id: 1, moves.id: 2}
    assert store.get(still.id).polling.polled_at is not None
    assert store.get(moves.id).polling.errors == 0


@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    status=st.sampled_from([JobStatus.QUEUED, JobStatus.RUNNING]),
    told=st.sampled_from(list(JobStatus)[1:]),
    step=st.sampled_from([None, 1, 2]),
    logged=st.sampled_from([None, 0, 1]),
    columns=st.fixed_dictionaries(
        {
            "mlflow_offset": st.sampled_from([0, 1]),
            "mlflow_run_id": st.sampled_from([None, "run"]),
            "poll_errors": st.sampled_from([0, 1]),
            "cancel_requested_at": st.sampled_from([None, ago(1)]),
            "lost_since": st.sampled_from([None, ago(1)]),
        }
    ),
    more=st.fixed_dictionaries(
        {}, optional={"lost": st.just(True), "asks_since": st.just(1.0), "waits_for": st.just("Disk full.")}
    ),
)
def test_a_job_that_is_not_asked_about_would_have_had_no_news(
    status: JobStatus,
    told: JobStatus,
    step: int | None,
    logged: int | None,
    columns: dict[str, Any],
    more: dict[str, Any],
) -> None:
    job = new_job(status=status, current_step=1, metrics_offset=1, **columns)
    state = RunState(status=told, step=step, metrics_offset=logged, **more)
    backend = BulkBackend()
    backend.points = [point("train_loss", 1, 2.0)] * (1 if logged is None else logged)
    if is_unchanged(job, state):
        assert not observe(backend, Mock(), job, state).has_news(job)
        assert (backend.cancelled, backend.recovered) == ([], [])
    assert not is_unchanged(job, None)
    quiet = new_job(status=JobStatus.RUNNING, current_step=1, metrics_offset=1)
    assert is_unchanged(quiet, RunState(status=JobStatus.RUNNING, step=1, metrics_offset=1))


def test_a_cancel_is_passed_on_whatever_the_states_told_at_once_say(
    store: JobStore, make: Callable[..., Poller]
) -> None:
    backend = BulkBackend()
    job = stored(store, status=JobStatus.RUNNING, cancel_requested_at=ago(1))
    backend.state = RunState(status=JobStatus.CANCELLED)
    make(backend).poll_due()
    assert backend.cancelled == [job.id]
    assert store.get(job.id).status is JobStatus.CANCELLED


@pytest.mark.parametrize("fault", ["raises", "hangs"])
def test_where_all_states_cannot_be_told_each_job_is_asked_about(
    store: JobStore,
    make: Callable[..., Poller],
    fault: str,
    hang: Callable[[], RunState],
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = BulkBackend()
    backend.state = RUNNING

    def all_states(runs: Collection[Run]) -> Mapping[Run, RunState]:
        if fault == "raises":
            raise Unavailable("away")
        hang()
        return {}

    backend.all = all_states
    job = stored(store)
    assert [seen.id for seen in make(backend).poll_due(seconds=1)] == [job.id]
    assert (store.get(job.id).status, store.get(job.id).polling.errors) == (JobStatus.RUNNING, 0)
    assert "polling each job" in caplog.text


# Two pollers.


def test_an_older_observation_never_overwrites_a_newer_one(
    store: JobStore, backend: UnevenBackend, make: Callable[..., Poller]
) -> None:
    job = stored(store, status=JobStatus.RUNNING)
    looking, come = threading.Event(), threading.Event()

    def slow() -> RunState:
        looking.set()
        come.wait(30)
        return RunState(status=JobStatus.RUNNING, step=1)

    backend.states[job.id] = slow
    with ThreadPoolExecutor(1) as pool:
        older = pool.submit(make(backend).poll, job.id)
        assert looking.wait(120)
        backend.states[job.id] = lambda: RunState(status=JobStatus.RUNNING, step=9)
        assert make(backend).poll(job.id).progress.current_step == 9
        come.set()
        assert older.result().progress.current_step == 9
    assert store.get(job.id).progress.current_step == 9


def test_pollers_at_the_same_job_write_each_change_once(
    store: JobStore, backend: UnevenBackend, make: Callable[..., Poller]
) -> None:
    job = stored(store)
    steps = [*range(1, 40)]
    backend.state = RunState(status=JobStatus.RUNNING, step=0, planned_steps=40)
    pollers: list[Poller] = [make(backend) for _ in range(4)]
    over = threading.Event()
    seen: list[list[int]] = [[] for _ in pollers]

    def go_on(number: int) -> None:
        while not over.is_set():
            now = pollers[number].poll(job.id) if number % 2 else next(iter(pollers[number].poll_due()), None)
            if now is not None and now.progress.current_step is not None:
                seen[number].append(now.progress.current_step)

    with ThreadPoolExecutor(len(pollers)) as pool:
        done = [pool.submit(go_on, number) for number in range(len(pollers))]
        for step in steps:
            backend.points = [*backend.points, point("train_loss", step, float(step))]
            backend.state = RunState(status=JobStatus.RUNNING, step=step, planned_steps=40)
            time.sleep(0.02)
        backend.state = RunState(status=JobStatus.FAILED, error="out of memory")
        until(lambda: store.get(job.id).status is JobStatus.FAILED)
        over.set()
        for each in done:
            each.result()
    assert happened(store, job, EventType.STATUS_CHANGE) == ["Training has started."]
    assert happened(store, job, EventType.ERROR) == ["out of memory"]
    assert series(store, job.id)["step"].tolist() == steps
    for steps_seen in seen:
        assert steps_seen == sorted(steps_seen)


def test_a_streak_of_errors_seen_by_many_is_one_event(
    store: JobStore, backend: UnevenBackend, make: Callable[..., Poller]
) -> None:
    job = stored(store)
    backend.state = Unavailable("away")
    barrier = threading.Barrier(4)

    def ask(poller: Poller) -> None:
        barrier.wait()
        poller.poll(job.id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, [make(backend) for _ in range(4)]))
    assert len(happened(store, job, EventType.ERROR)) == 1
    assert 1 <= store.get(job.id).polling.errors <= 4


def test_the_backend_of_the_tests_is_one(backend: UnevenBackend) -> None:
    _: FineTuningBackend = backend
