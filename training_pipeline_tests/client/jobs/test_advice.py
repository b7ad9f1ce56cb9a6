from __future__ import annotations

from datetime import date

import pytest

from training_pipeline.client.jobs.advice import job_advice
from training_pipeline.domain.estimate.prices import PriceList
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.advice_facts import config
from training_pipeline.testing.jobs.jobs import new_job, point
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.metrics import add_points


@pytest.mark.parametrize("status", [JobStatus.SUCCEEDED, JobStatus.CANCELLED, JobStatus.TIMEOUT, JobStatus.FAILED])
def test_findings_know_how_the_job_ended(store: JobStore, status: JobStatus) -> None:
    job = store.create(new_job(status=status, training_config=config().model_dump()), message="Created.")
    add_points(store, job, [point("val_loss", step, 3.0 - step) for step in range(3)], 1)
    said = ["still_falling"] if status is JobStatus.SUCCEEDED else []
    assert [one.rule for one in job_advice(store, job.id).findings] == said
    broken = [point("val_loss_not_finite", 3, 1.0), point("val_accuracy", 3, 0.1)]
    add_points(store, store.get(job.id), broken, 2)
    assert [one.rule for one in job_advice(store, job.id).findings] == ["diverged"]


def test_the_cost_beside_its_estimate(store: JobStore) -> None:
    prices = PriceList(currency="EUR", as_of=date(2026, 11, 1), per_dbu=0.5)
    asked = {"training_config": config(accelerator="GPU_1xA10").model_dump(), "duration_seconds": 60.0}
    job = store.create(new_job(status=JobStatus.SUCCEEDED, cost_dbu=3.0, **asked), message="Created.")
    cost = job_advice(store, job.id, prices).actual_cost
    assert (cost.dbu, cost.amount, cost.currency) == (3.0, 1.5, "EUR")
    assert (job_advice(store, job.id).actual_cost.dbu, job_advice(store, job.id).actual_cost.amount) == (3.0, None)
