"""What a Databricks run's state means for a training job. Total: every value, and values that are yet to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from training_pipeline.domain.job import JobStatus

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import BaseRun, Run

#: Of `state.life_cycle_state`; null where the result decides.
LIFE_CYCLE: Final[Mapping[str, JobStatus | None]] = {
    "BLOCKED": JobStatus.QUEUED,
    "PENDING": JobStatus.QUEUED,
    "QUEUED": JobStatus.QUEUED,
    "WAITING_FOR_RETRY": JobStatus.QUEUED,
    "RUNNING": JobStatus.RUNNING,
    "TERMINATING": JobStatus.RUNNING,
    "TERMINATED": None,
    "INTERNAL_ERROR": None,
    "SKIPPED": JobStatus.FAILED,
}

#: Of `state.result_state`. A run of one task that had failures is no success.
RESULT: Final[Mapping[str, JobStatus]] = {
    "SUCCESS": JobStatus.SUCCEEDED,
    "SUCCESS_WITH_FAILURES": JobStatus.FAILED,
    "FAILED": JobStatus.FAILED,
    "TIMEDOUT": JobStatus.TIMEOUT,
    "CANCELED": JobStatus.CANCELLED,
    "DISABLED": JobStatus.FAILED,
    "EXCLUDED": JobStatus.FAILED,
    "MAXIMUM_CONCURRENT_RUNS_REACHED": JobStatus.FAILED,
    "UPSTREAM_CANCELED": JobStatus.CANCELLED,
    "UPSTREAM_FAILED": JobStatus.FAILED,
}

#: Of the newer `status.state`; null where the termination code decides.
STATE: Final[Mapping[str, JobStatus | None]] = {
    "BLOCKED": JobStatus.QUEUED,
    "PENDING": JobStatus.QUEUED,
    "QUEUED": JobStatus.QUEUED,
    "WAITING": JobStatus.QUEUED,
    "RUNNING": JobStatus.RUNNING,
    "TERMINATING": JobStatus.RUNNING,
    "TERMINATED": None,
}

#: Of `status.termination_details.code`; every other code is a failure.
CODE: Final[Mapping[str, JobStatus]] = {
    "SUCCESS": JobStatus.SUCCEEDED,
    "CANCELED": JobStatus.CANCELLED,
    "USER_CANCELED": JobStatus.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the state of a run comes to. `message` is what Databricks says, or that it says what we do not know."""

    status: JobStatus
    message: str = ""
    code: str | None = None


def meaning(run: Run | BaseRun) -> Meaning:
    """What the run's state means. Values that the SDK does not know arrive as null: a run with an end has then failed,
    one without is watched on.
    """
    life = _value(run.state and run.state.life_cycle_state)
    result = _value(run.state and run.state.result_state)
    state = _value(run.status and run.status.state)
    details = run.status.termination_details if run.status else None
    code = _value(details and details.code)
    message = (run.state and run.state.state_message) or (details and details.message) or ""
    over = life in {"TERMINATED", "INTERNAL_ERROR"} or state == "TERMINATED" or bool(run.end_time)
    status = LIFE_CYCLE.get(life or "") or (None if over else STATE.get(state or ""))
    if status is not None and (status is JobStatus.FAILED or not over):
        return Meaning(status, message, code)
    if not over:
        return Meaning(JobStatus.QUEUED, message or "Databricks reports a state that this version does not know.", code)
    if life == "INTERNAL_ERROR" and result not in {"CANCELED", "TIMEDOUT"}:
        return Meaning(JobStatus.FAILED, message or "An internal error of Databricks.", code)
    ended = RESULT.get(result or "") or CODE.get(code or "") or JobStatus.FAILED
    if result is None and code is None:
        message = message or "Databricks reports a result that this version does not know."
    return Meaning(ended, message, code)


def _value(member: object) -> str | None:
    value = getattr(member, "value", None)
    return value if isinstance(value, str) else None
