from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.advice_facts import config
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.history import MACHINE, past_jobs
from training_pipeline.training_jobs.store.jobs import JobStore

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def ended(store: JobStore, place: int, *, machine: str | None = "here", **values: Any) -> None:
    figures = {"duration_seconds": 100.0 + place, "train_pairs": 80, "val_pairs": 20, "current_epoch": 2.0}
    asked = {"training_config": config(epochs=2, evaluations_per_epoch=3).model_dump(), "tokens_processed": 1600}
    created = NOW + timedelta(minutes=place)
    job = new_job(**{"status": JobStatus.SUCCEEDED, "created_at": created, **figures, **asked, **values})
    store.create(job, message="Created.", data=None if machine is None else {MACHINE: machine})


def test_only_like_jobs_that_succeeded_here_are_history(store: JobStore) -> None:
    for place in range(3):
        ended(store, place)
    ended(store, 3, machine="elsewhere")
    ended(store, 4, machine=None)  # of an earlier release
    ended(store, 5, status=JobStatus.FAILED)
    ended(store, 6, base_model="other")
    ended(store, 7, training_config=config(method="full").model_dump())
    ended(store, 8, duration_seconds=None)
    found = past_jobs(store, base_model="builtin:tiny", method="lora", machine="here")
    assert [job.seconds for job in found] == [102.0, 101.0, 100.0]
    assert (found[0].passes, found[0].length, found[0].max_length) == (160 + 20 * 7 / 3, 10, 1024)
    before = past_jobs(
        store, base_model="builtin:tiny", method="lora", machine="here", before=NOW + timedelta(minutes=1)
    )
    assert [job.seconds for job in before] == [100.0]
