"""What stands in for revocations, and models that come from others, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import BaseModelRecord, ModelOrigin
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.revocations.taints import taints_of
from training_pipeline.testing.models.used_rows import NO_DIGEST
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore


@dataclass(slots=True)
class RevokedAs:
    """Revocations that every job holds so many rows of."""

    rows: dict[str, int] = field(default_factory=dict)

    def version(self) -> int:
        """How many there are."""
        return len(self.rows)

    def held(self, job: TrainingJob) -> Mapping[str, int]:
        """The same of every job."""
        del job
        return self.rows


def trained_from(*job_ids: str) -> BaseModelRecord:
    """A base model that these jobs trained, the last one from the one before, and so on; the nearest first."""
    return BaseModelRecord(
        reference="base",
        ancestors=tuple(
            ModelOrigin(job_id=job_id, model_name="triage", model_version="1", base_model="base") for job_id in job_ids
        ),
    )


def register(revocations: Revocations, store: JobStore, job: TrainingJob, version: str) -> None:
    """Register the model of a job, as `Registration` does."""
    with store.begin() as connection:
        record = lineage.read(store.within(connection), job.id)
        revocations.registering(connection, job, record, job.request.model_name, version)
        lineage.set_model(store.within(connection), job.id, version=version, files={"model.safetensors": NO_DIGEST})


def tainted_jobs(store: JobStore, revocation_id: str) -> dict[str, tuple[int, int, tuple[str, ...]]]:
    """The jobs whose models a revocation taints: rows in train and validation, and whom they inherit from."""
    with store.begin() as connection:
        found = taints_of(connection, revocation_ids=[revocation_id])
    return {taint.job_id: (taint.train, taint.validation, taint.inherited_from) for taint in found}
