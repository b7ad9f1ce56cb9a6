"""Drives a job on Databricks as sensors and runs do, without Dagster and without the pauses."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import update

from training_pipeline.app.container import Services
from training_pipeline.domain.job import TERMINAL, Phase, TrainingJob
from training_pipeline.domain.refs import DatasetRef, SheetRef, SnapshotRef
from training_pipeline.training_jobs.lifecycle.claims import claim
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs

Prepare = Callable[[Services, TrainingJob], tuple[SheetRef, SnapshotRef, DatasetRef]]


def drive(
    services: Services,
    job_id: str,
    *,
    seconds: float = 240.0,
    prepare: Prepare | None = None,
    over: Callable[[TrainingJob], bool] = lambda _: False,
) -> TrainingJob:
    """Launch the job, look at it and finish it until it is over, or `over` says so; the job as it then is."""
    deadline = time.monotonic() + seconds
    store = services.store
    while time.monotonic() < deadline:
        skip_pauses(store, job_id)
        for job in claim(store, Phase.LAUNCH, job_id=job_id):
            launch(services, job, prepare or prepared)
        services.poller.poll(job_id)
        for job in claim(store, Phase.FINALIZE, job_id=job_id):
            finish(services, job)
        job = store.get(job_id)
        if job.status in TERMINAL and (
            job.finalize.done_at is not None or job.polling.backend_status in {None, "cancelled"}
        ):
            return job
        if over(job):
            return job
        time.sleep(0.03)
    raise AssertionError(f"The job is still {store.get(job_id).status}: {store.events(job_id, limit=20)[0]}")


def prepared(services: Services, job: TrainingJob) -> tuple[SheetRef, SnapshotRef, DatasetRef]:
    """The steps from the training sheet to the dataset."""
    launcher, store = services.launcher, services.store
    sheet = launcher.read_sheet(job)
    taken = launcher.judge(store.get(job.id), sheet)
    dataset = launcher.split(store.get(job.id), taken)
    launcher.unchanged(store.get(job.id), dataset)
    return sheet, taken, dataset


def launch(services: Services, job: TrainingJob, prepare: Prepare = prepared) -> None:
    """The steps of `launch_training`, and what becomes of an error in them."""
    attempt, launcher, store = job.phase(Phase.LAUNCH).attempt, services.launcher, services.store
    try:
        begun = launcher.begin(job.id, attempt, run_id="driven")
        sheet, taken, dataset = prepare(services, begun)
        store.update(job.id, {"dataset": dataset.model_dump(mode="json")})  # others may have prepared it
        launcher.record_lineage(begun, sheet, taken, dataset)
        launcher.submit(store.get(job.id), dataset)
        launcher.launched(job.id)
    except Exception as error:  # noqa: BLE001 - what the run of Dagster does with any error
        services.failures.raised(Phase.LAUNCH, job.id, attempt, error)


def finish(services: Services, job: TrainingJob) -> None:
    """The steps of `finalize_training`, and what becomes of an error in them."""
    attempt, finalizer = job.phase(Phase.FINALIZE).attempt, services.finalizer
    try:
        begun = finalizer.begin(job.id, attempt, run_id="driven")
        finalizer.require_trained(begun)
        result = finalizer.store_metrics(begun)
        finalizer.require_permission(services.store.get(job.id), result)
        finalizer.register(services.store.get(job.id), result)
        finalizer.succeed(job.id)
    except Exception as error:  # noqa: BLE001 - what the run of Dagster does with any error
        services.failures.raised(Phase.FINALIZE, job.id, attempt, error)


def skip_pauses(store: JobStore, job_id: str) -> None:
    """Let every pause of the job be over."""
    over = {"launch_after": None, "finalize_after": None, "poll_after": None}
    with store.begin() as connection:
        connection.execute(update(training_jobs).where(training_jobs.c.id == job_id).values(over))
