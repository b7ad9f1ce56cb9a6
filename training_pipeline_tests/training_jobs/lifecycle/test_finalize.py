from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job, point
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline.training_jobs.lifecycle.finalize import Finalizer
from training_pipeline.training_jobs.polling.metrics_sync import NOT_FINITE_CODE, warnings_of
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.training_jobs.store.jobs import JobStore


def test_values_that_are_no_number_are_counted_by_code_and_in_old_events_by_their_sentence(
    store: JobStore, backend: ScriptedBackend, tmp_path: Path
) -> None:
    job, other = (store.create(new_job(), message="Created.") for _ in range(2))
    tracking = Tracking(SecretStr("sqlite://"), experiment="none", artifacts=tmp_path)  # it is never asked
    never: Any = None  # nothing is asked or told here
    finalizer = Finalizer(store, backend, tracking, never, never, never)
    store.record(
        job.id, EventType.METRIC_UPDATE, "Checked: every loss is a finite number, none is not a finite", data={}
    )
    store.record(job.id, EventType.INFO, "not a finite number, says a note")
    store.record(job.id, EventType.METRIC_UPDATE, "not a finite number", data={"code": "something_else"})
    assert finalizer.not_finite(job) == 0
    (warning,) = warnings_of([point("val_loss_not_finite", 3, 1.0)])
    assert warning.data == {"code": NOT_FINITE_CODE, "metric": "val_loss", "step": 3}
    store.record(job.id, warning.type, "In other words.", data=warning.data)
    assert finalizer.not_finite(job) == 1
    store.record(job.id, EventType.METRIC_UPDATE, "Warning: train_loss is not a finite number at step 2.")
    assert finalizer.not_finite(job) == 2
    assert finalizer.not_finite(other) == 0
