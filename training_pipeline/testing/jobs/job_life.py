"""Bringing a job to a point of its life, for tests of what is answered there."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.backends.handles import Handle
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.testing.jobs.jobs import ScriptedBackend, point
from training_pipeline.testing.made_once import made_once
from training_pipeline.training_jobs.store import lineage, metrics
from training_pipeline.training_jobs.store.events import EventType

API = "/api/v1/training"
JOBS = f"{API}/jobs"


def post(client: TestClient, **body: Any) -> dict[str, Any]:
    """A new job, as it is answered."""
    answer = client.post(JOBS, json={"training_sheet_id": "small", "model_name": "triage", **body})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def accepted(services: Services, backend: ScriptedBackend, job_id: str, status: JobStatus) -> TrainingJob:
    """The job, once its backend has it and it has `status`."""
    job = services.store.get(job_id)
    backend.known[(job_id, job.attempt)] = Handle(backend_job_id="b", backend_run_id="r")
    services.store.update(job_id, {"submit_intended_at": job.created_at, "launched_at": job.created_at})
    queued = services.store.change(job, JobStatus.QUEUED, message="queued")
    assert queued is not None
    return queued if status is JobStatus.QUEUED else services.store.change(queued, status, message="on") or queued


def prepared(services: Services, job_id: str) -> TrainingJob:
    """The job with its dataset and its lineage record, as right before it is submitted."""
    launcher, store = services.launcher, services.store
    sheet = launcher.read_sheet(store.get(job_id))
    taken = launcher.judge(store.get(job_id), sheet)
    dataset = launcher.split(store.get(job_id), taken)
    launcher.record_lineage(store.get(job_id), sheet, taken, dataset)
    return store.get(job_id)


def succeeded(services: Services) -> TrainingJob:
    """A job on the sheet `small` that is over, with everything that is kept of one."""
    return services.store.get(_succeeded(services))


@made_once
def _succeeded(services: Services) -> str:
    store = services.store
    job = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
    prepared(services, job.id)
    store.change(store.get(job.id), JobStatus.QUEUED, message="Accepted.")
    running = store.change(store.get(job.id), JobStatus.RUNNING, message="Training has started.")
    assert running is not None
    points = [point("train_loss", step, 60.0 / step) for step in range(1, 61)]
    points += [point("val_loss", step, 70.0 / step) for step in range(10, 61, 10)]
    metrics.add_points(store, running, points, 66)
    for number in range(30):
        store.record(job.id, EventType.INFO, f"event [{number}]")
    store.change(store.get(job.id), JobStatus.SUCCEEDED, message="Succeeded.")
    lineage.set_model(store, job.id, version="2", files={"model.safetensors": "0" * 64})
    return job.id
