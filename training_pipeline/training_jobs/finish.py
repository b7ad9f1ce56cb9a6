"""From a backend's result to a registered model: the steps of `finalize_training`, each of them repeatable."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from training_pipeline.backends.base import FineTuningBackend, TrainingResult
from training_pipeline.domain.errors import BackendFailed, Conflict
from training_pipeline.domain.job import TERMINAL, JobStatus, TrainingJob
from training_pipeline.tracking import Tracking
from training_pipeline.training_jobs import lineage
from training_pipeline.training_jobs.claims import Phase, attempt_of
from training_pipeline.training_jobs.collect import collect_points
from training_pipeline.training_jobs.store import EventType, JobStore


class Finisher:
    """The steps of `finalize_training`, free of Dagster."""

    def __init__(self, store: JobStore, backend: FineTuningBackend, tracking: Tracking) -> None:
        self._store = store
        self._backend = backend
        self._tracking = tracking

    def begin(self, job_id: str, attempt: int, *, run_id: str) -> TrainingJob:
        """The job, if this attempt may finish it; names the Dagster run in it. Raises `Conflict` otherwise."""
        job = self._store.get(job_id)
        if job.finalized_at is not None:
            raise Conflict(f"Training job {job_id} is {job.status}: it has been finished already.")
        if attempt_of(job, Phase.FINALIZE) != attempt or job.finalize_claimed_at is None:
            raise Conflict(f"Finish attempt {attempt} of training job {job_id} has been superseded.")
        claimed = {"finalize_attempt": attempt, "finalize_claimed_at": job.finalize_claimed_at}
        updated = self._store.update(job_id, {"finalize_run_id": run_id}, where=claimed)
        if updated is None:
            raise Conflict(f"Finish attempt {attempt} of training job {job_id} has been superseded.")
        return updated

    def require_trained(self, job: TrainingJob) -> None:
        """Close the books on a job that failed or timed out, and raise `BackendFailed` with its cause."""
        if job.backend_status is JobStatus.SUCCEEDED:
            return
        if job.mlflow_run_id is not None:
            self._tracking.end_run(job.mlflow_run_id, "FAILED")
        self._store.update(job.id, {"finalized_at": datetime.now(UTC)})
        raise BackendFailed(
            f"Training job {job.id}: {job.error_message or job.status}",
            hint="Mend the cause and retry the training job.",
        )

    def store_metrics(self, job: TrainingJob) -> TrainingResult:
        """Store every point that is left and the final figures, here and in MLflow. Idempotent."""
        result = self._backend.result(job.id, job.attempt)
        job = self._collect(job)
        final: dict[str, Any] = {
            name: getattr(result, name)
            for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy")
            if getattr(result, name) is not None
        }
        self._store.update(
            job.id,
            {
                **final,
                "current_step": result.steps,
                "planned_steps": result.planned_steps,
                "current_epoch": result.epochs_completed,
                "tokens_processed": result.tokens,
                "duration_seconds": result.duration_seconds,
                "custom_metrics": result.custom_metrics,
            },
            event=_about_truncation(result),
        )
        return result

    def _collect(self, job: TrainingJob) -> TrainingJob:
        """Store all points that are left, however many looks at the backend it takes."""
        while True:
            collect_points(self._store, self._backend, self._tracking, job)
            now = self._store.get(job.id)
            if (now.metrics_offset, now.mlflow_offset) == (job.metrics_offset, job.mlflow_offset):
                return now
            job = now

    def register(self, job: TrainingJob, result: TrainingResult) -> TrainingJob:
        """Register the model version, or keep the model as an artifact where that was asked for. Idempotent."""
        if result.model_dir is None:
            raise BackendFailed(f"Training job {job.id} left no model behind.")
        record = lineage.read(self._store, job.id)
        if job.mlflow_run_id is None:
            raise BackendFailed(f"Training job {job.id} has no MLflow run to register its model from.")
        name = ".".join(part for part in (job.uc_catalog, job.uc_schema, job.model_name) if part)
        tags = {
            "training_pipeline.training_sheet_id": record.training_sheet_id,
            "training_pipeline.sheet_digest": record.training_sheet_digest,
            "training_pipeline.dataset_digest": record.dataset_digest,
            "training_pipeline.source_sheet": f"{record.sheet_id}@{record.sheet_version}",
            "training_pipeline.prompt_template": f"{record.template_id}@{record.template_version}",
            "training_pipeline.gate_policy": record.gate_policy_version,
            "training_pipeline.base_model": job.base_model,
        }
        self._tracking.tag_run(job.mlflow_run_id, {**tags, "training_pipeline.model_dir": str(result.model_dir)})
        version: str | None = None
        if job.register_to_uc:
            version = self._tracking.register(
                name,
                source=result.model_dir,
                run_id=job.mlflow_run_id,
                job_id=job.id,
                tags=tags,
                description=f"Fine-tuned from {job.base_model} on training sheet {record.training_sheet_name}.",
            )
        self._tracking.end_run(job.mlflow_run_id, "FINISHED")
        lineage.set_model(self._store, job.id, version=version, files=result.model_files)
        values = {"uc_model_name": name if job.register_to_uc else None, "uc_model_version": version}
        message = f"Registered {name} version {version}." if version else f"Kept the model at {result.model_dir}."
        return self._store.update(job.id, values, event=(EventType.INFO, message)) or job

    def succeed(self, job_id: str) -> TrainingJob:
        """Close a job whose metrics are stored and whose model is registered. Idempotent."""
        job = self._store.get(job_id)
        if job.status not in TERMINAL:
            values = {"duration_seconds": job.duration_seconds, "error_message": None, "error_details": None}
            job = self._store.change(job, JobStatus.SUCCEEDED, message="Succeeded.", values=values) or job
        return self._store.update(job_id, {"finalized_at": datetime.now(UTC)}, where={"finalized_at": None}) or job


def _about_truncation(result: TrainingResult) -> tuple[EventType, str] | None:
    """The event about examples that were cut, which would otherwise lose their ends in silence. Pure."""
    if not result.truncated_examples:
        return None
    many = f"{result.truncated_examples} training examples were"
    return EventType.INFO, f"Warning: {many} longer than max_length; their ends were cut off and not trained on."
