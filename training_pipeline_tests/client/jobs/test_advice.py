from __future__ import annotations

import pytest

from training_pipeline.client.jobs.advice import job_advice
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
