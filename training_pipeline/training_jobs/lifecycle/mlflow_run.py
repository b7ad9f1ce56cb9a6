"""The MLflow run of a job: started once its backend has the job, so that no training waits for MLflow."""

from __future__ import annotations

from training_pipeline.domain.job import TERMINAL, JobStatus, TrainingJob
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.store.jobs import JobStore


def with_run(store: JobStore, tracking: RunTracking, job: TrainingJob) -> TrainingJob:
    """The job with its MLflow run, started where it has none; unchanged where its backend makes the run. Idempotent.

    A job that has ended meanwhile has its run ended, too: whoever saw that knew of none. Only the Dagster run that
    holds a phase of the job may call this, for two callers at once would start two. Raises what MLflow raises.
    """
    if job.handles.mlflow_run_id is not None:
        return job
    dataset = job.data.dataset
    digests = (
        {
            "training_pipeline.dataset_digest": dataset.digest,
            "training_pipeline.sheet_digest": dataset.sheet_digest,
        }
        if isinstance(dataset, DatasetRef)
        else {}
    )
    experiment_id, run_id = tracking.start_run(
        job.id,
        params={"base_model": job.request.base_model, **job.request.training_config},
        tags={
            "training_pipeline.training_sheet_id": job.request.training_sheet_id,
            **digests,
            **({"training_pipeline.tags": ", ".join(job.tags)} if job.tags else {}),
        },
    )
    if run_id is None:
        return job
    found = {"mlflow_experiment_id": experiment_id, "mlflow_run_id": run_id}
    job = store.update(job.id, found, where={"mlflow_run_id": None}) or store.get(job.id)
    if job.status in TERMINAL:
        tracking.end_run(run_id, "KILLED" if job.status is JobStatus.CANCELLED else "FAILED")
    return job
