"""From a backend's result to a registered model: the steps of `finalize_training`, each of them repeatable."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import and_, func, or_, select

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.results import TrainingResult
from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.errors import (
    BackendDenied,
    BackendFailed,
    Conflict,
    PermissionWithdrawn,
    PipelineError,
    Unavailable,
)
from training_pipeline.domain.job import TERMINAL, JobStatus, Phase, TrainingJob
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.domain.refs import SheetRef
from training_pipeline.infra.files import unlike
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.lifecycle import claims
from training_pipeline.training_jobs.lifecycle.mlflow_run import with_run
from training_pipeline.training_jobs.lifecycle.permission_watch import Notice
from training_pipeline.training_jobs.lifecycle.provenance import (
    base_model_tags,
    recipe_tags,
    source_version,
    template_version,
)
from training_pipeline.training_jobs.lifecycle.registration import Registration
from training_pipeline.training_jobs.lifecycle.submit import registered_name
from training_pipeline.training_jobs.polling.metrics_sync import NOT_FINITE_CODE, collect_points
from training_pipeline.training_jobs.polling.permission import Permission
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.events import EventType, has_event
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_job_events

#: Of the one event that says that others may not use the model.
NOT_SHARED_CODE: Final = "not_shared"


class Finalizer:
    """The steps of `finalize_training`, free of Dagster."""

    def __init__(
        self,
        store: JobStore,
        backend: FineTuningBackend,
        tracking: RunTracking,
        permission: Permission,
        registration: Registration,
        notice: Notice,
    ) -> None:
        self._permission = permission
        self._registration = registration
        self._notice = notice
        self._store = store
        self._backend = backend
        self._tracking = tracking

    def begin(self, job_id: str, attempt: int, *, run_id: str) -> TrainingJob:
        """The job, if this attempt may finish it; names the Dagster run in it. Raises `Conflict` otherwise."""
        job = self._store.get(job_id)
        if job.finalize.done_at is not None:
            raise Conflict(f"Training job {job_id} is {job.status}: it has ended already.")
        return claims.begin(self._store, Phase.FINALIZE, job, attempt, run_id=run_id)

    def require_trained(self, job: TrainingJob) -> None:
        """End a job that failed or timed out, and raise `BackendFailed` with its cause."""
        if job.polling.backend_status is JobStatus.SUCCEEDED:
            return
        if job.handles.mlflow_run_id is not None:
            self._tracking.end_run(job.handles.mlflow_run_id, "FAILED")
        self._store.update(job.id, {"finalized_at": datetime.now(UTC)})
        raise BackendFailed(
            f"Training job {job.id}: {job.error_message or job.status}",
            hint="Fix the cause and retry the training job.",
        )

    def store_metrics(self, job: TrainingJob) -> TrainingResult:
        """Store every point that is left and the final figures, here and in MLflow. Idempotent."""
        result = self._backend.result(job.id, job.attempt)
        # Its launch may have been given up while MLflow did not answer.
        job = self._collect(with_run(self._store, self._tracking, self._registration.with_mlflow_run(job)))
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
        """Store all points that are left, however many requests to the backend it takes."""
        while True:
            collect_points(self._store, self._backend, self._tracking, job)
            now = self._store.get(job.id)
            if (now.polling.metrics_offset, now.polling.mlflow_offset) == (
                job.polling.metrics_offset,
                job.polling.mlflow_offset,
            ):
                return now
            job = now

    def require_permission(self, job: TrainingJob, result: TrainingResult) -> None:
        """Ask once more, right before the model is registered, whether its pairs may be trained on. Idempotent.

        Raises `PermissionWithdrawn` with the pair ids: the model is kept where it was trained, on record by the hashes
        of its files. It is registered nowhere, unless its run or an earlier attempt had done so: that version is
        stored, and tainted. Raises `PermissionUnknown` where nobody can say, and `Unavailable` as `Registration` does.
        """
        answer = self._permission.ask(job)
        for warned in answer.warnings:
            self._notice(job, warned, True)
        if answer.withdrawn is None:
            return
        version = self._registration.found(job)
        if job.handles.mlflow_run_id is not None:
            self._tracking.tag_run(job.handles.mlflow_run_id, {"training_pipeline.permission": "withdrawn"})
            self._tracking.end_run(job.handles.mlflow_run_id, "FAILED")
        if version is None:
            lineage.set_model(self._store, job.id, version=None, files=result.model_files)
            kept = f"The trained model is kept at {result.model_dir} and registered nowhere."
        else:
            with self._store.begin() as connection:
                self._registration.record(connection, job, version, files=result.model_files)
            kept = f"It had already been registered as {registered_name(job)} version {version}: delete that version."
        raise PermissionWithdrawn(
            f"{answer.withdrawn.message} {kept}",
            hint=answer.withdrawn.hint,
            details=answer.withdrawn.details,
        )

    def register(self, job: TrainingJob, result: TrainingResult) -> TrainingJob:
        """Register the model version, or keep the model as an artifact where that was asked for. Idempotent.

        What was revoked since permission was asked taints it in the same transaction. Then it is granted to others: a
        grant that is refused is an event, one that nobody answers is raised, and both with the version on record.
        """
        if result.model_dir is None:
            raise BackendFailed(f"Training job {job.id} has produced no model.")
        record = self._as_trained(lineage.read(self._store, job.id), result)
        if job.handles.mlflow_run_id is None:
            raise Unavailable(f"Training job {job.id} has no MLflow run yet to register its model from.")
        name = registered_name(job)
        tags = {
            "training_pipeline.training_sheet_id": record.training_sheet_id,
            "training_pipeline.sheet_digest": record.training_sheet_digest,
            "training_pipeline.dataset_digest": record.dataset_digest,
            "training_pipeline.source_sheet": source_version(record),
            "training_pipeline.prompt_template": template_version(record),
            "training_pipeline.canonical_labels": job.data.sheet.labels.digest
            if isinstance(job.data.sheet, SheetRef)
            else "",
            "training_pipeline.gate_policy": record.gate_policy_version,
            "training_pipeline.base_model": job.request.base_model,
            **base_model_tags(record),
            **recipe_tags(record),
        }
        self._tracking.tag_run(
            job.handles.mlflow_run_id, {**tags, "training_pipeline.model_dir": str(result.model_dir)}
        )
        version: str | None = None
        if job.request.register_to_uc:
            version = self._tracking.register(
                name,
                source=result.model_dir,
                run_id=job.handles.mlflow_run_id,
                job_id=job.id,
                tags=tags,
                description=f"Fine-tuned from {job.request.base_model} on training sheet {record.training_sheet_name}.",
            )
        self._tracking.end_run(job.handles.mlflow_run_id, "FINISHED")
        message = f"Registered {name} version {version}." if version else f"Kept the model at {result.model_dir}."
        with self._store.begin() as connection:
            job = self._registration.record(connection, job, version, files=result.model_files, message=message)
        if version is not None:
            self._share(job, name)
        return job

    def _share(self, job: TrainingJob, name: str) -> None:
        """Let others use the model; where that is refused the model is what it is, and somebody is told."""
        try:
            self._tracking.share(name)
        except PipelineError as error:
            # A grant that we lack is for a person to mend, and what was trained does not wait for it.
            if error.is_outage and not isinstance(error, BackendDenied):
                raise
            said = f"Warning: {name} could not be granted to others: {describe(error)}"
            with self._store.begin() as connection:
                if not has_event(connection, job.id, NOT_SHARED_CODE):
                    data = {"code": NOT_SHARED_CODE}
                    self._store.within(connection).record(job.id, EventType.ERROR, said, data=data)

    def _as_trained(self, record: LineageRecord, result: TrainingResult) -> LineageRecord:
        """The record with what only the training program knows: its recipe, and the commit and the files of the base
        model that it loaded where they were not known before.
        """
        added: dict[str, Any] = {}
        if result.recipe is not None and record.recipe is None:
            added["recipe"] = result.recipe
            lineage.set_recipe(self._store, record.job_id, result.recipe)
        base = record.base_model
        loaded: dict[str, Any] = {}
        if base is not None and base.revision is None and result.base_model_revision is not None:
            loaded = {"revision": result.base_model_revision, "resolved_at": "training"}
        if base is not None and base.files is None and result.base_model_files is not None:
            loaded["files"] = result.base_model_files
        if base is not None and loaded:
            added["base_model"] = base.model_copy(update=loaded)
            lineage.set_base_model(self._store, record.job_id, added["base_model"])
        return record.model_copy(update=added)

    def model_problems(self, job: TrainingJob, result: TrainingResult) -> list[str]:
        """What is wrong with the model and its registration, in words; nothing where all is well. Reads only.

        Raises `Unavailable` where the registry does not show the version: what it is asked may lag behind what it has.
        """
        problems = []
        name, version = job.result.uc_model_name, job.result.uc_model_version
        if name and version:
            if not self._tracking.has_version(name, version):
                raise Unavailable(f"The registry does not show version {version} of {name}, which was registered.")
        elif job.request.register_to_uc:
            problems.append("no model version is registered")
        return problems + file_problems(result, here=job.backend == "local")

    def not_finite(self, job: TrainingJob) -> int:
        """How many of the job's events warn of a measured value that was not a finite number. Reads only."""
        events = training_job_events.c
        code = events.data["code"].astext
        # Events of version 0.1.0 have no code, only this sentence. Goes with 0.3.
        in_words = and_(code.is_(None), events.message.contains("not a finite number"))
        warns = and_(events.type == EventType.METRIC_UPDATE, or_(code == NOT_FINITE_CODE, in_words))
        with self._store.begin() as connection:
            return int(connection.execute(select(func.count()).where(events.job_id == job.id, warns)).scalar_one())

    def tags(self, job: TrainingJob) -> dict[str, str]:
        """The tags of the job's MLflow run. Reads only."""
        return self._tracking.tags(job.handles.mlflow_run_id) if job.handles.mlflow_run_id else {}

    def succeed(self, job_id: str) -> TrainingJob:
        """Close a job whose metrics are stored and whose model is registered. Idempotent."""
        job = self._store.get(job_id)
        if job.status not in TERMINAL:
            values = {"duration_seconds": job.duration_seconds, "error_message": None, "error_details": None}
            job = self._store.change(job, JobStatus.SUCCEEDED, message="Succeeded.", values=values) or job
        return self._store.update(job_id, {"finalized_at": datetime.now(UTC)}, where={"finalized_at": None}) or job


def file_problems(result: TrainingResult, *, here: bool) -> list[str]:
    """Model files that are missing or not what their hash says. Reads every byte.

    A model that was trained elsewhere than `here` may be kept in a volume of its backend, where it cannot be read: then
    the hashes are those that the trainer took, of one file at least.
    """
    if result.model_dir is None:
        return ["the trainer has produced no model"]
    if not result.model_files:
        return ["the trainer listed no files"]
    if not result.model_dir.is_dir():
        return [f"there is no model in {result.model_dir}"] if here else []
    return [
        f"{name} differs from what was trained" if there else f"{name} is missing"
        for name, there in unlike(result.model_dir, result.model_files)
    ]


def files_looked_at(result: TrainingResult) -> str:
    """How many files there are, and whether `file_problems` has read them."""
    readable = result.model_dir is not None and result.model_dir.is_dir()
    said = "checked" if readable else "recorded by the trainer, not readable from here"
    return f"{len(result.model_files):,} {said}"


def _about_truncation(result: TrainingResult) -> tuple[EventType, str] | None:
    """The event about examples that were cut, which would otherwise lose their ends in silence."""
    if not result.truncated_examples:
        return None
    many = f"{result.truncated_examples} training examples were"
    return EventType.INFO, f"Warning: {many} longer than max_length and were truncated."
