"""The lineage of a succeeded job in Unity Catalog: tables → an external metadata object for the job → model version.

It is a copy for users of Unity Catalog: our own lineage record is authoritative. So a failure to write it fails
nothing; it is an event, and is tried again for a week. That it is written is an event too, so that any process may do
it, and go on where another one died.

Every user of the account may browse external metadata: it holds ids, digests and counts, never a name or a text.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import exists, select

from training_pipeline.databricks.lineage import ExternalLineage, write
from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.errors import BackendUnreachable, PipelineError
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.domain.refs import required
from training_pipeline.sheets.unity_catalog.source import TABLES
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import job_from_row
from training_pipeline.training_jobs.store.tables import training_job_events, training_jobs

#: So long after its job was finished a lineage is tried to be written.
RETRIED_FOR: Final = timedelta(days=7)
#: Seconds until it is tried again after a failure.
PAUSE_SECONDS: Final = 300.0
_ALL: Final = ""
_MARK: Final = "unity_catalog_lineage"

_log = logging.getLogger(__name__)


class CatalogLineage:
    """Writes lineage to the workspace of `connection`. `clock` returns seconds, replaced in tests."""

    def __init__(self, store: JobStore, connection: Connection, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._connection = connection
        self._clock = clock
        #: Until when a job waits after a failure; under no name, all of them.
        self._pauses: dict[str, float] = {}

    def write_due(self, *, seconds: float = 10.0) -> int:
        """Write what is due, until `seconds` are over; how many were written. A failure is an event, never raised."""
        deadline = self._clock() + seconds
        written = 0
        for job in self._due() if self._may(_ALL) else []:
            if self._clock() > deadline:
                break
            if not self._may(job.id):
                continue
            try:
                self.write(job)
            except PipelineError as error:
                self._failed(job, error)
                if isinstance(error, BackendUnreachable):
                    break
                continue
            self._store.record(job.id, EventType.INFO, "Lineage was written to Unity Catalog.", data={_MARK: "written"})
            written += 1
        return written

    def _may(self, name: str) -> bool:
        return self._clock() >= self._pauses.get(name, 0.0)

    def write(self, job: TrainingJob) -> None:
        """Write the object of one job and its relationships. Idempotent; raises what `Connection.calling` raises."""
        record = lineage.read(self._store, job.id)
        result = job.result
        # Another backend's models are registered elsewhere.
        here = job.backend == "databricks" and result.uc_model_name and result.uc_model_version
        metadata = required(job.data.sheet, "training sheet").sheet.metadata
        external = ExternalLineage(
            name=name_of(job),
            kind="training job",
            description="A training job of training_pipeline: which pairs made which model version.",
            facts=_facts(job, record),
            tables=tuple(metadata[TABLES]),
            model_version=(str(result.uc_model_name), str(result.uc_model_version)) if here else None,
        )
        write(self._connection, external, what=f"write the lineage of {job.id}")

    def _due(self) -> Sequence[TrainingJob]:
        jobs, events = training_jobs.c, training_job_events.c
        marked = exists().where(events.job_id == jobs.id, events.data[_MARK].astext == "written")
        query = (
            select(training_jobs)
            .where(
                jobs.status == JobStatus.SUCCEEDED,
                jobs.finalized_at > datetime.now(UTC) - RETRIED_FOR,
                jobs.sheet["sheet"]["metadata"].has_key(TABLES),
                ~marked,
            )
            .order_by(jobs.finalized_at)
            .limit(20)
        )
        with self._store.begin() as connection:
            return [job_from_row(row) for row in connection.execute(query).mappings()]

    def _failed(self, job: TrainingJob, error: PipelineError) -> None:
        waiting = _ALL if isinstance(error, BackendUnreachable) else job.id
        self._pauses[waiting] = self._clock() + PAUSE_SECONDS
        _log.warning("the lineage of %s was not written to Unity Catalog: %s", job.id, error)
        if not self._told(job):
            message = (
                f"Lineage was not written to Unity Catalog; it is tried again for {RETRIED_FOR.days} days: {error}"
            )
            self._store.record(job.id, EventType.ERROR, message, data={_MARK: "failed"})

    def _told(self, job: TrainingJob) -> bool:
        events = training_job_events.c
        with self._store.begin() as connection:
            told = select(events.id).where(events.job_id == job.id, events.data[_MARK].astext == "failed").limit(1)
            return connection.execute(told).first() is not None


def name_of(job: TrainingJob) -> str:
    """What the job's object is called in Unity Catalog."""
    return f"training_pipeline_{job.id}"


def _facts(job: TrainingJob, record: LineageRecord) -> dict[str, str]:
    facts: dict[str, Any] = {
        "training_job": job.id,
        "training_sheet_id": record.training_sheet_id,
        "training_sheet_digest": record.training_sheet_digest,
        "dataset_digest": record.dataset_digest,
        "gate_policy_version": record.gate_policy_version,
        "base_model": job.request.base_model,
        "model": job.result.uc_model_name,
        "model_version": job.result.uc_model_version,
        "train_pairs": job.data.train_pairs,
        "validation_pairs": job.data.val_pairs,
    }
    return {name: str(value) for name, value in facts.items() if value is not None}
