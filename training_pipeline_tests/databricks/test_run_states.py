from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.jobs import (
    Run,
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunResultState,
    TerminationCodeCode,
)

from training_pipeline.databricks.run_states import CODE, LIFE_CYCLE, RESULT, STATE, meaning
from training_pipeline.domain.job import ACTIVE, JobStatus


def run(**values: Any) -> Run:
    """A run as the SDK parses the API's answer."""
    return Run.from_dict({"run_id": 1, **values})


def v1(life: str, result: str | None = None, **values: Any) -> Run:
    return run(state={"life_cycle_state": life, "result_state": result, "state_message": "said"}, **values)


def v2(state: str, code: str | None = None, **values: Any) -> Run:
    return run(status={"state": state, "termination_details": {"code": code, "message": "said"}}, **values)


def test_every_value_that_the_sdk_knows_is_mapped() -> None:
    assert set(LIFE_CYCLE) == {member.value for member in RunLifeCycleState}
    assert set(RESULT) == {member.value for member in RunResultState}
    assert set(STATE) == {member.value for member in RunLifecycleStateV2State}
    assert {member.value for member in TerminationCodeCode} >= set(CODE)


@pytest.mark.parametrize("life", [name for name, status in LIFE_CYCLE.items() if status is not None])
@pytest.mark.parametrize("result", [None, *RESULT])
def test_a_state_that_is_no_end_means_the_same_with_any_result(life: str, result: str | None) -> None:
    assert meaning(v1(life, result)).status is LIFE_CYCLE[life]


@pytest.mark.parametrize(("result", "status"), RESULT.items())
def test_the_result_decides_how_a_run_ended(result: str, status: JobStatus) -> None:
    assert meaning(v1("TERMINATED", result)).status is status
    assert meaning(v1("TERMINATED", result)).message == "said"


@pytest.mark.parametrize(("state", "status"), STATE.items())
def test_a_run_that_only_has_the_newer_status_is_understood(state: str, status: JobStatus | None) -> None:
    assert meaning(v2(state)).status is (status or JobStatus.FAILED)


@pytest.mark.parametrize("code", [member.value for member in TerminationCodeCode])
def test_a_termination_code_alone_is_enough(code: str) -> None:
    found = meaning(v2("TERMINATED", code))
    assert found.status is CODE.get(code, JobStatus.FAILED)
    assert found.code == code


@pytest.mark.parametrize(
    ("result", "status"), [("CANCELED", JobStatus.CANCELLED), ("TIMEDOUT", JobStatus.TIMEOUT), ("SUCCESS", "failed")]
)
def test_an_internal_error_is_never_a_success(result: str, status: JobStatus) -> None:
    assert meaning(v1("INTERNAL_ERROR", result)).status == status


def test_values_that_do_not_exist_yet_are_watched_on_and_fail_once_the_run_has_an_end() -> None:
    for strange in (v1("HIBERNATING"), v2("HIBERNATING"), run()):
        found = meaning(strange)
        assert found.status in ACTIVE
    assert "does not know" in meaning(run()).message
    for over in (v1("HIBERNATING", end_time=1_790_000_000), v1("TERMINATED", "SPLENDID"), v2("TERMINATED", "SPLENDID")):
        assert meaning(over).status is JobStatus.FAILED
    assert "does not know" in meaning(run(state={"life_cycle_state": "TERMINATED", "result_state": "X"})).message


def test_the_newer_status_helps_where_the_older_one_is_unknown() -> None:
    both = run(state={"life_cycle_state": "HIBERNATING"}, status={"state": "RUNNING"})
    assert meaning(both).status is JobStatus.RUNNING
    both = run(
        state={"life_cycle_state": "TERMINATED", "result_state": "SPLENDID"},
        status={"state": "TERMINATED", "termination_details": {"code": "SUCCESS"}},
    )
    assert meaning(both).status is JobStatus.SUCCEEDED
