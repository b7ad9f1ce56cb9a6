"""What a job hands to its backend, and what is stored once the backend has accepted it."""

from __future__ import annotations

from training_pipeline.backends.handles import Handle
from training_pipeline.backends.submission import Submission
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.training_jobs.store.jobs import JobStore


def submission(job: TrainingJob, dataset: DatasetRef, base_model: BaseModelRecord | None) -> Submission:
    """The order to train `job` on `dataset` from the base model that is on record."""
    return Submission(
        job_id=job.id,
        attempt=job.attempt,
        model_name=job.request.model_name,
        base_model=job.request.base_model,
        config=TrainingConfig.model_validate(job.request.training_config),
        train_file=dataset.train_file,
        validation_file=dataset.validation_file,
        dataset_digest=dataset.digest,
        manifest_file=dataset.manifest_file,
        train_sha256=dataset.train_sha256,
        validation_sha256=dataset.validation_sha256,
        base_model_revision=base_model.revision if base_model else None,
        base_model_files=base_model.files if base_model else None,
        register_as=registered_name(job) if job.request.register_to_uc else None,
    )


def accepted(store: JobStore, job: TrainingJob, handle: Handle) -> TrainingJob:
    """Store where the backend keeps the run and make the job `queued`. Idempotent: one that is further on stays so."""
    if job.status is not JobStatus.PENDING:
        return job
    message = f"Accepted by the {job.backend} backend."
    return store.change(job, JobStatus.QUEUED, message=message, values=handle.model_dump()) or store.get(job.id)


def registered_name(job: TrainingJob) -> str:
    """The full name of the model that a job registers."""
    return ".".join(part for part in (job.request.uc_catalog, job.request.uc_schema, job.request.model_name) if part)
