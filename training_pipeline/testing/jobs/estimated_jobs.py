"""Succeeded jobs that were estimated when they were created."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from training_pipeline.domain.estimate.estimate import Estimate, Estimated
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.advice_facts import config
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.estimates import ESTIMATE
from training_pipeline.training_jobs.store.history import MACHINE
from training_pipeline.training_jobs.store.jobs import JobStore

_FIRST: Final = datetime(2026, 11, 1, tzinfo=UTC)


def estimated(store: JobStore, middle: float, seconds: float, *, place: int, **values: Any) -> str:
    """A job that was estimated at `middle` seconds, a fifth less to a quarter more, and took `seconds`; its id."""
    time = Estimated(middle=middle, low=middle * 0.8, high=middle * 1.25, basis="3 jobs like it")
    estimate = Estimate(time=time, cost=Estimated(reason="there is no price list"))
    facts = {"created_at": _FIRST + timedelta(minutes=place), "training_config": config(epochs=2).model_dump()}
    job = new_job(**{"status": JobStatus.SUCCEEDED, "duration_seconds": seconds, **facts, **values})
    data = {MACHINE: "here", ESTIMATE: estimate.model_dump(mode="json")}
    return store.create(job, message="Created.", data=data).id
