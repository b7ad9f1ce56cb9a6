"""What to do about a job that did not succeed: one sentence for the person who reads its cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from training_pipeline.domain.job import JobStatus, TrainingJob

_WITH_ONE_CHANGED: Final = "Retry with one of the settings changed that the cause names; the others stay as they are."
#: By `code` (what a launch or finish run refused) or `error_type` (how the training ended) of the error's details.
_BY_KIND: Final[Mapping[str, str]] = {
    "gate_refused": "Have more pairs reviewed, or their use decided, in the training sheet; then create a new job.",
    "split_refused": "Ask for another share of training pairs, or add pairs that are not tied to the others.",
    "governance_changed": "Look at what changed in the training sheet, and retry: it is then judged as it now is.",
    "sheet_unreadable": "Mend the training sheet (`training-pipeline sheets check` names every fault), then retry.",
    "invalid_request": "Retry with a configuration that the backend accepts.",
    "not_found": "Bring the training sheet back, or create a job on another one.",
    "interrupted": "Look at the Dagster run for what ended it, then retry. Nothing that was trained is lost.",
    "TrainerDied": "Look at the end of its log. If memory ran out, retry with a smaller batch_size or max_length.",
    "SupervisorLost": "Something ended the processes of this job: look at the machine's own log, then retry.",
    "OutOfMemoryError": _WITH_ONE_CHANGED,
    "MemoryError": _WITH_ONE_CHANGED,
}
_OTHERWISE: Final = "Mend the cause, then retry: the retry starts with this job's configuration."


def what_to_do(job: TrainingJob) -> str | None:
    """The advice on a job that failed or timed out; None for every other. Pure."""
    if job.status is JobStatus.TIMEOUT:
        return "Retry with a larger timeout_minutes, with fewer epochs, or on a faster machine."
    if job.status is not JobStatus.FAILED:
        return None
    details = job.error_details or {}
    kinds = (str(details.get(name)) for name in ("code", "error_type"))
    return next((_BY_KIND[kind] for kind in kinds if kind in _BY_KIND), _OTHERWISE)
