from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from training_pipeline.backends.base import RunState
from training_pipeline.database import Database
from training_pipeline.domain.errors import NotFound, Unavailable
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.tracking import Tracking
from training_pipeline.training_jobs.metrics import series
from training_pipeline.training_jobs.poller import LOST_SECONDS, MOST_PAUSE_SECONDS, Poller, progress_values
from training_pipeline.training_jobs.store import EventType, JobStore
from training_pipeline_tests.training_jobs.jobs import ScriptedBackend, new_job, point


class Clock:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def poller(store: JobStore, backend: ScriptedBackend, database: Database, tmp_path: Path, clock: Clock) -> Poller:
    tracking = Tracking(SecretStr(database.url("mlflow")), experiment="tests", artifacts=tmp_path)
    return Poller(store, backend, tracking, clock=clock)


def stored(store: JobStore, **values: Any) -> TrainingJob:
    return store.create(new_job(**{"status": JobStatus.QUEUED, **values}), message="Created.")


def test_a_run_is_followed_from_queued_to_done(store: JobStore, backend: ScriptedBackend, poller: Poller) -> None:
    job = stored(store)
    assert poller.poll(job).status is JobStatus.QUEUED
    backend.state = RunState(status=JobStatus.RUNNING, step=1, planned_steps=4, epoch=0.25)
    backend.points = [point("train_loss", 1, 6.0)]
    job = poller.poll(job)
    assert (job.status, job.progress_percent, job.train_loss) == (JobStatus.RUNNING, 25.0, 6.0)
    backend.state = RunState(status=JobStatus.SUCCEEDED, step=4, planned_steps=4)
    backend.points.append(point("train_loss", 4, 3.0))
    job = poller.poll(job)
    assert (job.status, job.backend_status) == (JobStatus.RUNNING, JobStatus.SUCCEEDED)
    assert job.progress_percent == 99.0
    assert series(store, job.id)["train_loss"].tolist() == [6.0, 3.0]
    before = store.events(job.id)[1]
    poller.poll(job)
    assert store.events(job.id)[1] == before


@pytest.mark.parametrize("end", [JobStatus.FAILED, JobStatus.TIMEOUT])
def test_a_run_that_ended_badly_ends_the_job_with_its_cause(
    store: JobStore, backend: ScriptedBackend, poller: Poller, end: JobStatus
) -> None:
    backend.state = RunState(status=end, error="Out of memory at step 3.", error_details={"step": 3})
    job = poller.poll(stored(store))
    assert (job.status, job.backend_status) == (end, end)
    assert (job.error_message, job.error_details) == ("Out of memory at step 3.", {"step": 3})
    assert store.events(job.id)[0][0].type is EventType.ERROR


def test_a_cancel_is_a_request_until_the_backend_confirms_it(
    store: JobStore, backend: ScriptedBackend, poller: Poller, clock: Clock
) -> None:
    job = stored(store, status=JobStatus.RUNNING, cancel_requested_at=clock.now, cancel_reason="wrong sheet")
    backend.state = RunState(status=JobStatus.RUNNING)
    assert poller.poll(job).status is JobStatus.RUNNING
    assert backend.cancelled == [job.id]
    backend.state = RunState(status=JobStatus.CANCELLED)
    assert poller.poll(job).status is JobStatus.CANCELLED
    assert "wrong sheet" in store.events(job.id)[0][0].message


def test_a_lost_run_is_recovered(store: JobStore, backend: ScriptedBackend, poller: Poller) -> None:
    backend.state = RunState(status=JobStatus.FAILED, lost=True, error="its supervisor is gone")
    job = poller.poll(stored(store, status=JobStatus.RUNNING))
    assert job.status is JobStatus.RUNNING
    assert backend.recovered == [job.id]


def test_errors_are_events_and_pauses_and_never_fail_a_job(
    store: JobStore, backend: ScriptedBackend, poller: Poller, clock: Clock
) -> None:
    backend.state = Unavailable("The backend does not answer.")
    job = stored(store)
    for _ in range(20):
        job = poller.poll(store.get(job.id))
    assert (job.status, job.poll_errors) == (JobStatus.QUEUED, 20)
    assert sum(event.type is EventType.ERROR for event in store.events(job.id)[0]) == 1
    assert poller.poll_due() == []
    clock.now += timedelta(minutes=10)
    backend.state = RunState(status=JobStatus.QUEUED)
    assert [seen.poll_errors for seen in poller.poll_due()] == [0]


def test_a_pause_stays_bounded_after_any_number_of_errors(
    store: JobStore, backend: ScriptedBackend, poller: Poller, clock: Clock
) -> None:
    backend.state = Unavailable("The backend does not answer.")
    job = poller.poll(stored(store, poll_errors=5000))
    assert job.poll_after == clock.now + timedelta(seconds=MOST_PAUSE_SECONDS)
    assert poller.poll_if_due(job) == job
    clock.now += timedelta(seconds=MOST_PAUSE_SECONDS)
    assert poller.poll_if_due(job).poll_errors == 5002


def test_a_run_that_is_found_again_is_not_counted_as_lost(
    store: JobStore, backend: ScriptedBackend, poller: Poller, clock: Clock
) -> None:
    backend.state = NotFound("no such run")
    job = poller.poll(stored(store, status=JobStatus.RUNNING))
    backend.state = RunState(status=JobStatus.RUNNING)
    assert poller.poll(job).lost_since is None
    clock.now += timedelta(seconds=LOST_SECONDS + 1)
    backend.state = NotFound("no such run")
    assert poller.poll(store.get(job.id)).status is JobStatus.RUNNING


def test_what_a_library_says_is_not_repeated(store: JobStore, backend: ScriptedBackend, poller: Poller) -> None:
    backend.state = RuntimeError("token=dapi123 for https://host")
    job = poller.poll(stored(store))
    said = " ".join(event.message for event in store.events(job.id)[0])
    assert "dapi123" not in said
    assert "RuntimeError" in said


def test_a_job_that_its_backend_has_lost_fails_after_the_stated_time(
    store: JobStore, backend: ScriptedBackend, poller: Poller, clock: Clock
) -> None:
    backend.state = NotFound("no such run")
    job = poller.poll(stored(store, status=JobStatus.RUNNING))
    assert job.status is JobStatus.RUNNING
    clock.now += timedelta(seconds=LOST_SECONDS - 1)
    assert poller.poll(job).status is JobStatus.RUNNING
    clock.now += timedelta(seconds=2)
    assert poller.poll(store.get(job.id)).status is JobStatus.FAILED


def test_the_longest_unseen_come_first_and_jobs_that_are_over_never(
    store: JobStore, backend: ScriptedBackend, poller: Poller, clock: Clock
) -> None:
    stored(store, status=JobStatus.PENDING)
    stored(store, status=JobStatus.SUCCEEDED)
    seen = stored(store, polled_at=clock.now)
    unseen = stored(store)
    assert [job.id for job in poller.poll_due()] == [unseen.id, seen.id]
    assert poller.poll_due(seconds=-1) == []


def test_points_reach_mlflow_once(
    store: JobStore, backend: ScriptedBackend, poller: Poller, database: Database, tmp_path: Path
) -> None:
    tracking = Tracking(SecretStr(database.url("mlflow")), experiment="tests", artifacts=tmp_path)
    job = stored(store, status=JobStatus.RUNNING)
    _, run_id = tracking.start_run(job.id, params={}, tags={})
    job = store.update(job.id, {"mlflow_run_id": run_id}) or job
    backend.state = RunState(status=JobStatus.RUNNING)
    backend.points = [point("train_loss", 1, 6.0), point("train_loss", 2, 5.0)]
    poller.poll(job)
    store.update(job.id, {"mlflow_offset": 0})  # as if we had died between writing and noting it
    poller.poll(store.get(job.id))
    history = tracking.client.get_metric_history(run_id, "train_loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 6.0), (2, 5.0)]


def test_a_point_that_is_no_number_is_told_and_not_stored(
    store: JobStore, backend: ScriptedBackend, poller: Poller
) -> None:
    backend.state = RunState(status=JobStatus.RUNNING)
    backend.points = [point("train_loss", 1, 6.0), point("train_loss_not_finite", 2, 1.0)]
    job = poller.poll(stored(store, status=JobStatus.RUNNING))
    assert series(store, job.id)["train_loss"].dropna().tolist() == [6.0]
    assert "train_loss is not a finite number at step 2" in store.events(job.id)[0][0].message


def test_progress_never_says_all_before_the_job_has_succeeded() -> None:
    assert progress_values(RunState(status=JobStatus.RUNNING, step=10, planned_steps=10))["progress_percent"] == 99.0
    assert progress_values(RunState(status=JobStatus.QUEUED)) == {}
