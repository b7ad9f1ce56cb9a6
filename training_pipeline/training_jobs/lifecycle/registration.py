"""Has the version that a job registered on record, also where the run that registered it died before it wrote that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import Connection

from training_pipeline.domain.errors import PipelineError, Unavailable
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.lifecycle.submit import registered_name
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.events import EventType, is_told
from training_pipeline.training_jobs.store.jobs import JobStore


class Tainting(Protocol):
    """What was revoked, and whom it taints."""

    def registering(
        self, connection: Connection, job: TrainingJob, record: LineageRecord, name: str, version: str | None
    ) -> None:
        """Taint the model that is registered in this transaction, before its version is stored."""


class Registration:
    """The version of a job, in the registry and on record."""

    def __init__(self, store: JobStore, tracking: RunTracking, revocations: Tainting) -> None:
        self._store = store
        self._tracking = tracking
        self._revocations = revocations

    def found(self, job: TrainingJob) -> str | None:
        """The version that was registered for the job, on record or not; null where there is none. Reads only.

        Raises `Unavailable` where the registry does not say.
        """
        if job.result.uc_model_version is not None or not job.request.register_to_uc:
            return job.result.uc_model_version
        if job.handles.mlflow_run_id is None:  # a version is registered from a run
            return None
        name = registered_name(job)
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

    def record(
        self,
        connection: Connection,
        job: TrainingJob,
        version: str | None,
        *,
        files: Mapping[str, str] | None = None,
        event: tuple[EventType, str] | None = None,
    ) -> TrainingJob:
        """Store the job's version, and what was revoked taints it in the same transaction. Idempotent.

        `version` is null for a model that is kept as an artifact. `files` are the model's, where they are known. The
        event is written once, however often the job is finished.
        """
        within, name = self._store.within(connection), registered_name(job)
        self._revocations.registering(connection, job, lineage.read(within, job.id), name, version)
        lineage.set_model(within, job.id, version=version, files=files)
        values: dict[str, Any] = {"uc_model_name": None if version is None else name, "uc_model_version": version}
        if event is not None and is_told(connection, job.id, event[1]):
            event = None
        return within.update(job.id, values, event=event) or job
