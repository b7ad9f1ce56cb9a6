from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from training_pipeline.app.container import Services
from training_pipeline.backends.run_state import RunState
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.refs import required
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.jobs.jobs import ScriptedBackend, a_result, new_job
from training_pipeline.training_jobs.lifecycle.mlflow_run import with_run
from training_pipeline.training_jobs.polling.poller import Poller
from training_pipeline.training_jobs.store.jobs import JobStore


class Runs:
    """MLflow's runs. `meanwhile` is what happens while one is started."""

    runs_register = False

    def __init__(self, meanwhile: Callable[[], object] = lambda: None, *, makes: bool = True) -> None:
        self.meanwhile = meanwhile
        self.makes = makes
        self.started: list[str] = []
        self.tags: dict[str, str] = {}
        self.ended: list[tuple[str, str]] = []

    def start_run(self, job_id: str, *, tags: dict[str, str], **_: Any) -> tuple[str | None, str | None]:
        self.started.append(job_id)
        self.tags = tags
        self.meanwhile()
        return ("1", f"run of {job_id}") if self.makes else (None, None)

    def end_run(self, run_id: str, status: str) -> None:
        self.ended.append((run_id, status))


def started(store: JobStore, runs: Any, job_id: str) -> str | None:
    return with_run(store, runs, store.get(job_id)).handles.mlflow_run_id


def test_a_job_has_one_run_however_often_it_is_asked_for(store: JobStore) -> None:
    job, runs = store.create(new_job(status=JobStatus.QUEUED), message="Created."), Runs()
    assert [started(store, runs, job.id) for _ in range(2)] == [f"run of {job.id}"] * 2
    assert runs.started == [job.id]
    assert runs.ended == []
    assert store.get(job.id).handles.mlflow_experiment_id == "1"


def test_a_backend_that_makes_the_runs_itself_is_left_to_say_so(store: JobStore) -> None:
    job = store.create(new_job(status=JobStatus.QUEUED), message="Created.")
    assert started(store, Runs(makes=False), job.id) is None


@pytest.mark.parametrize(("status", "ended"), [(JobStatus.CANCELLED, "KILLED"), (JobStatus.FAILED, "FAILED")])
def test_the_run_of_a_job_that_ends_while_it_is_started_is_ended(
    status: JobStatus, ended: str, store: JobStore
) -> None:
    job = store.create(new_job(status=JobStatus.QUEUED), message="Created.")
    runs = Runs(lambda: store.change(job, status, message="Over."))
    run_id = started(store, runs, job.id)
    assert runs.ended == [(run_id, ended)]


def test_an_end_that_was_seen_without_the_run_is_seen_again_with_it(store: JobStore) -> None:
    """The poller asks about a cancelled job before its run is noted, and writes what it saw after."""
    job, runs = store.create(new_job(status=JobStatus.QUEUED), message="Created."), Runs()

    class Racing(ScriptedBackend):
        def status(self, job_id: str, attempt: int) -> RunState:
            started(store, runs, job_id)
            return RunState(status=JobStatus.CANCELLED)

    tracking: Any = runs
    poller = Poller(store, Racing(), tracking)
    for _ in range(2):
        poller.poll(job.id)
    assert store.get(job.id).status is JobStatus.CANCELLED
    assert runs.ended == [(f"run of {job.id}", "KILLED")]


def test_a_training_does_not_wait_for_mlflow_and_finishing_makes_up_for_it(
    services: Services, backend: ScriptedBackend, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
    job = prepared(services, job.id)

    def away(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(services.tracking, "start_run", away)
    with pytest.raises(ConnectionError):  # the launch run is tried again
        services.launcher.submit(job, required(job.data.dataset, "dataset"))
    assert services.store.get(job.id).status is JobStatus.QUEUED
    assert (job.id, 1) in backend.known
    runs = Runs()
    monkeypatch.setattr(services.tracking, "start_run", runs.start_run)
    backend.outcome = a_result(tmp_path)
    monkeypatch.setattr(services.tracking, "log_points", lambda *_: None)
    services.finalizer.store_metrics(services.store.get(job.id))
    assert services.store.get(job.id).handles.mlflow_run_id == f"run of {job.id}"
    assert runs.tags["training_pipeline.dataset_digest"] == job.data.dataset_digest
