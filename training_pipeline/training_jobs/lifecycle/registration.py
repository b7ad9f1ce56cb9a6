"""Has the version that a job registered on record, also where the run that registered it died before it wrote that."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from sqlalchemy import Connection

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.domain.errors import NotFound, PipelineError, Unavailable
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.lifecycle.submit import registered_name
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.events import EventType, has_event
from training_pipeline.training_jobs.store.jobs import JobStore

#: Of the one event that says where the model of a job is.
MODEL_RECORDED_CODE: Final = "model_recorded"


class Tainting(Protocol):
    """What was revoked, and whom it taints."""

    def registering(
        self, connection: Connection, job: TrainingJob, record: LineageRecord, name: str, version: str | None
    ) -> None:
        """Taint the model that is registered in this transaction, before its version is stored."""


class Registration:
    """The version of a job, in the registry and on record."""

    def __init__(
        self, store: JobStore, backend: FineTuningBackend, tracking: RunTracking, revocations: Tainting
    ) -> None:
        self._store = store
        self._backend = backend
        self._tracking = tracking
        self._revocations = revocations

    def found(self, job: TrainingJob) -> str | None:
        """The version that was registered for the trained job, on record or not; null where there is none.

        Raises `Unavailable` where the registry does not answer, or where the run registers on its own and is unknown.
        """
        if job.result.uc_model_version is not None or not job.request.register_to_uc:
            return job.result.uc_model_version
        name = registered_name(job)
        if job.handles.mlflow_run_id is None and self._tracking.runs_register:
            with suppress(NotFound):  # the backend no longer has the run
                job = self.with_mlflow_run(job)
            if job.handles.mlflow_run_id is None:
                raise Unavailable(
                    f"It is unknown whether training job {job.id} has registered a version of {name}: the backend does "
                    "not say which MLflow run was its own.",
                    hint="Try again when it does.",
                )
        if job.handles.mlflow_run_id is None:  # a version is registered from a run
            return None
        try:
            return self._tracking.registered_version(name, job_id=job.id, run_id=job.handles.mlflow_run_id)
        except PipelineError:
            raise
        except Exception as error:
            raise Unavailable(
                f"It is unknown whether training job {job.id} has registered a version of {name}: the model registry "
                f"does not answer ({type(error).__name__}).",
                hint="Try again when it does.",
            ) from error

    def with_mlflow_run(self, job: TrainingJob) -> TrainingJob:
        """The job with its MLflow run: the backend may have known none yet when it told of the end. Idempotent."""
        if job.handles.mlflow_run_id is not None:
            return job
        state = self._backend.status(job.id, job.attempt)
        if state.mlflow_run_id is None:
            return job
        found = {"mlflow_run_id": state.mlflow_run_id, "mlflow_experiment_id": state.mlflow_experiment_id}
        return self._store.update(job.id, found, where={"mlflow_run_id": None}) or self._store.get(job.id)

    def record(
        self,
        connection: Connection,
        job: TrainingJob,
        version: str | None,
        *,
        files: Mapping[str, str] | None = None,
        message: str | None = None,
    ) -> TrainingJob:
        """Store the job's version, and what was revoked taints it in the same transaction. Idempotent.

        `version` is null for a model that is kept as an artifact. `files` are the model's, where they are known. The
        `message` becomes an event, once, however often the job is finished.
        """
        within, name = self._store.within(connection), registered_name(job)
        self._revocations.registering(connection, job, lineage.read(within, job.id), name, version)
        lineage.set_model(within, job.id, version=version, files=files)
        values: dict[str, Any] = {"uc_model_name": None if version is None else name, "uc_model_version": version}
        if message is None or has_event(connection, job.id, MODEL_RECORDED_CODE):
            return within.update(job.id, values) or job
        event = (EventType.INFO, message)
        return within.update(job.id, values, event=event, data={"code": MODEL_RECORDED_CODE}) or job
