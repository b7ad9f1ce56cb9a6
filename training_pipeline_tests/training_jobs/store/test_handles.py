from __future__ import annotations

from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.handles import stored_handles
from training_pipeline.training_jobs.store.jobs import JobStore


def test_the_handles_of_runs_that_were_submitted(store: JobStore) -> None:
    submitted, waiting = (store.create(new_job(), message="Created.") for _ in range(2))
    store.update(submitted.id, {"backend_job_id": f"{submitted.id}-1", "backend_run_id": "7", "mlflow_run_id": "m"})
    asked = [(submitted.id, submitted.attempt), (submitted.id, submitted.attempt + 1), (waiting.id, 1), ("tj-none", 1)]
    found = stored_handles(store, asked)
    assert found.keys() == {(submitted.id, submitted.attempt)}
    handles = found[submitted.id, submitted.attempt]
    assert (handles.backend_run_id, handles.mlflow_run_id, handles.mlflow_experiment_id) == ("7", "m", None)
    assert stored_handles(store, []) == {}
