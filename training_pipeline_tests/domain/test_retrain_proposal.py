from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.lineage import ModelOrigin
from training_pipeline.domain.retrain_proposal import clean_base, retrain_request, still_answers
from training_pipeline.domain.training_config import JobRequest
from training_pipeline.testing.jobs.jobs import new_job


@given(generations=st.integers(0, 5), tainted=st.integers(0, 5))
def test_a_retrain_starts_from_the_first_clean_ancestor(generations: int, tainted: int) -> None:
    """Model 0 was trained from `base`, each other one from the one before; a taint reaches all that come after."""
    first_tainted = min(tainted, generations)
    models = [
        ModelOrigin(job_id=f"tj-{number}", model_name="m", base_model=f"/m/{number - 1}" if number else "base")
        for number in range(generations)
    ]
    reference = f"/m/{generations - 1}" if generations else "base"
    found = clean_base(reference, models[::-1], {one.job_id for one in models[first_tainted:]})
    assert found == (f"/m/{first_tainted - 1}" if first_tainted else "base")


def test_the_request_is_that_of_the_job_from_another_base() -> None:
    job = new_job(fresh_split=True, split_predecessor="tj-old")
    asked = retrain_request(job, "/models/first")
    request = JobRequest.model_validate(asked)
    assert (request.base_model, request.model_name) == ("/models/first", job.request.model_name)
    assert request.training_config.model_dump(exclude_unset=True) == job.request.requested_config
    assert (request.split_predecessor, request.fresh_split) == (None, False)
    assert None not in asked.values()


@pytest.mark.parametrize("status", list(JobStatus))
def test_what_ended_badly_may_be_launched_again(status: JobStatus) -> None:
    over = {JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT}
    job = new_job(status=status)
    assert still_answers(job) is (status not in over)
    tainted = job.model_copy(update={"tainted_at": job.created_at})
    assert still_answers(tainted) is (status not in {*over, JobStatus.SUCCEEDED})
