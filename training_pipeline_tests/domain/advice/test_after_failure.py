from __future__ import annotations

import pytest

from training_pipeline.domain import errors
from training_pipeline.domain.advice.after_failure import _BY_KIND, what_to_do
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import new_job


@pytest.mark.parametrize("status", list(JobStatus))
def test_there_is_advice_where_something_went_wrong_and_nowhere_else(status: JobStatus) -> None:
    wrong = status in {JobStatus.FAILED, JobStatus.TIMEOUT}
    assert (what_to_do(new_job(status=status)) is not None) == wrong


def test_a_trained_job_that_waits_to_be_finished_has_advice() -> None:
    trained = {"status": JobStatus.RUNNING, "backend_status": JobStatus.SUCCEEDED}
    assert what_to_do(new_job(**trained)) is None
    assert "Finish it now" in (what_to_do(new_job(**trained, error_details={"code": "unfinished"})) or "")


def test_advice_is_about_the_cause() -> None:
    refused = new_job(status=JobStatus.FAILED, error_details={"code": "gate_refused", "phase": "launch"})
    killed = new_job(status=JobStatus.FAILED, error_details={"error_type": "TrainerDied"})
    assert "Review more pairs" in (what_to_do(refused) or "")
    assert "log" in (what_to_do(killed) or "")
    assert what_to_do(new_job(status=JobStatus.FAILED, error_details={"code": "x"})) == what_to_do(
        new_job(status=JobStatus.FAILED)
    )


def test_the_codes_are_those_of_errors() -> None:
    known = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")}
    assert {kind for kind in _BY_KIND if kind.islower()} - known == {"interrupted", "never_started", "out_of_memory"}
