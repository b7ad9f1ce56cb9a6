from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.study import Trial, TrialStatus, common_failure
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.tuning.outcome import ordinal, outcome_of


def failed(number: int, **details: Any) -> Trial:
    trial = Trial(study="s", number=number, params={}, status=TrialStatus.RUNNING, asked_at=datetime.now(UTC))
    job = new_job(status=JobStatus.FAILED, error_message="Why.", error_details=details or None)
    return trial.model_copy(update=outcome_of(trial, job))


@pytest.mark.parametrize(
    ("details", "cause"),
    [
        ({"error_type": "TrainingFailed", "code": "never_stops"}, "never_stops"),
        ({"error_type": "IndexError", "code": None}, "IndexError"),
        ({"termination_code": "RUN_EXECUTION_ERROR"}, "RUN_EXECUTION_ERROR"),
        ({}, "unknown"),
    ],
)
def test_a_cause_is_as_exact_as_it_is_told(details: dict[str, Any], cause: str) -> None:
    assert (failed(1, **details).cause, failed(1, **details).message) == (cause, "Why.")


def test_three_reasons_of_the_training_program_are_not_one_cause() -> None:
    codes = ("train_loss_not_finite", "never_stops", "val_loss_not_finite")
    trials = [failed(number, error_type="TrainingFailed", code=code) for number, code in enumerate(codes, start=1)]
    assert common_failure(trials) is None
    last = common_failure([*trials, *trials[:1], *trials[:1]])
    assert last is not None
    assert last.cause == "train_loss_not_finite"


def test_places() -> None:
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 22)] == ["1st", "2nd", "3rd", "4th", "11th", "22nd"]
