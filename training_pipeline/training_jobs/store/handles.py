"""The handles that are stored with jobs: where their runs are at the backend."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select

from training_pipeline.backends.run_state import Run
from training_pipeline.domain.job import Handles
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs

_COLUMNS = (training_jobs.c.id, training_jobs.c.attempt, *(training_jobs.c[name] for name in Handles.model_fields))


def stored_handles(store: JobStore, runs: Collection[Run]) -> Mapping[Run, Handles]:
    """The handles of those of the runs that were submitted in the attempt that their job is in. Reads only."""
    wanted = {job_id for job_id, _ in runs}
    submitted = training_jobs.c.backend_run_id.is_not(None)
    with store.begin() as connection:
        rows = connection.execute(select(*_COLUMNS).where(training_jobs.c.id.in_(wanted), submitted)).mappings().all()
    found = {(row["id"], row["attempt"]): Handles(**{name: row[name] for name in Handles.model_fields}) for row in rows}
    return {run: handles for run, handles in found.items() if run in set(runs)}
