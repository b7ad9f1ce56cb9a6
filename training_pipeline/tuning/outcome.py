"""What a trial came to, and how that is said."""

from __future__ import annotations

import math
from typing import Any, Final

from training_pipeline.domain.errors import InvalidRequest, PipelineError
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.study import Trial, TrialStatus

_ENDED: Final = {JobStatus.SUCCEEDED: TrialStatus.SUCCEEDED, JobStatus.CANCELLED: TrialStatus.CANCELLED}
#: What says most exactly why a job failed, of what may be in its details.
_CAUSES: Final = ("code", "error_type", "termination_code")


def outcome_of(trial: Trial, job: TrainingJob) -> dict[str, Any]:
    """What a trial came to whose job is over, where the validation loss is what counts."""
    if job.status is JobStatus.CANCELLED and trial.pruned_at is not None:
        return {"status": TrialStatus.PRUNED}
    status = _ENDED.get(job.status, TrialStatus.FAILED)
    if status is TrialStatus.CANCELLED:
        return {"status": status, "message": f"Its job was cancelled: {job.cancellation.reason or 'no reason given'}"}
    if status is TrialStatus.SUCCEEDED:
        value = job.progress.val_loss
        if value is not None and math.isfinite(value):
            return {"status": status, "value": value, "message": ""}
        return {"status": TrialStatus.FAILED, "cause": "no_val_loss", "message": "It has no validation loss."}
    details = job.error_details or {}
    told = ("timeout" if job.status is JobStatus.TIMEOUT else None, *(details.get(name) for name in _CAUSES))
    return {
        "status": status,
        "cause": str(next(filter(None, told), "unknown")),
        "message": job.error_message or "It says nothing.",
    }


def in_words(error: PipelineError) -> str:
    """An error in one line."""
    said = "; ".join(f"{problem.pointer}: {problem.message}" for problem in error.problems)
    return f"{error.message} {said}".strip() if isinstance(error, InvalidRequest) else error.message


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th …"""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
