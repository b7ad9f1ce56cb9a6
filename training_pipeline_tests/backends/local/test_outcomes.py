from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.backends.local import outcomes
from training_pipeline.backends.local.run_directory import RunDirectory


@pytest.mark.parametrize(
    "result",
    [
        None,
        {"status": "stopped", "step": 3},
        {"status": "failed", "error_type": "DiskFull"},
        {"status": "failed", "error_type": "ProcessLost"},
    ],
)
def test_a_run_without_a_result_may_go_on(result: dict[str, object] | None) -> None:
    assert outcomes.of_result(result, ran_seconds=1) is None


@pytest.mark.parametrize(
    ("result", "status", "error"),
    [
        ({"status": "succeeded"}, "succeeded", None),
        ({"status": "failed", "error": "No.", "error_type": "X"}, "failed", "No."),
        ({"status": "failed"}, "failed", "The training program failed without giving a reason."),
    ],
)
def test_a_result_settles_it(result: dict[str, object], status: str, error: str | None) -> None:
    outcome = outcomes.of_result(result, ran_seconds=2.5)
    assert outcome is not None
    assert (outcome.status, outcome.error, outcome.ran_seconds) == (status, error, 2.5)


def test_the_kind_of_cause_and_the_pairs_at_fault_are_kept() -> None:
    told = {"status": "failed", "error": "No.", "error_type": "X", "code": "c", "pair_ids": ["p-1"]}
    outcome = outcomes.of_result(told, ran_seconds=1)
    assert outcome is not None
    assert outcome.error_details == {"error_type": "X", "code": "c", "pair_ids": ["p-1"]}
    outcome = outcomes.of_result({**told, "pair_ids": [], "code": None}, ran_seconds=1)
    assert outcome is not None
    assert outcome.error_details == {"error_type": "X"}


def test_a_result_outside_the_contract_fails() -> None:
    outcome = outcomes.of_result({"status": "splendid"}, ran_seconds=1)
    assert outcome is not None
    assert outcome.status == "failed"
    assert "'splendid'" in (outcome.error or "")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "without a result"),
        (-9, "SIGKILL"),
        (-11, "signal 11 (Segmentation fault)"),
        (-40, "signal 40"),
        (7, "code 7"),
    ],
)
def test_the_end_of_a_program_in_words(code: int | None, words: str) -> None:
    assert words in outcomes.how_it_ended(code)


def test_a_death_without_a_log_says_so(tmp_path: Path) -> None:
    outcome = outcomes.died(RunDirectory(tmp_path), -9, resumes=2, ran_seconds=1)
    assert "resumed 2 times" in (outcome.error or "")
    assert "is empty" in (outcome.error or "")
