"""Advice on a job that did not succeed: one sentence shown beside its cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from training_pipeline.domain.job import JobStatus, TrainingJob

_WITH_ONE_CHANGED: Final = "Retry with one of the settings changed that the cause names."
#: By `code` (what a launch or finalize run refused, or why the training failed) or `error_type` (how it ended) of the
#: error's details.
_BY_KIND: Final[Mapping[str, str]] = {
    "gate_refused": "Review more pairs of the training sheet or set their allowed uses, then create a new job.",
    "split_refused": "Choose another train_val_split, or add pairs that are not related to the others.",
    "governance_changed": "Check what changed in the training sheet, then retry: the pairs are checked again.",
    "permission_withdrawn": "See which pairs lost it, then create a new job: it trains on those that may be used.",
    "permission_unknown": "Fix the training sheet: `training-pipeline sheets check` lists every problem. Then retry.",
    "sheet_changed": "Wait until the training sheet is no longer being written, then retry.",
    "sheet_unreadable": "Fix the training sheet (`training-pipeline sheets check` lists every problem), then retry.",
    "invalid_request": "Retry with a configuration that the backend accepts.",
    "not_found": "Restore the training sheet, or create a job on another one.",
    "never_started": "Check that Dagster's code server and daemon run and have memory to start runs, then retry.",
    "records_disagree": "Find out what changed the files or the records. Then retry: it trains again.",
    "interrupted": "Check the Dagster run for what ended it, then retry. Nothing that was trained is lost.",
    "TrainerDied": "Check the end of the log. If memory ran out, retry with a smaller batch_size or max_length.",
    "SupervisorLost": "The processes of this job were killed: check the system log of the machine, then retry.",
    "out_of_memory": _WITH_ONE_CHANGED,
    "OutOfMemoryError": _WITH_ONE_CHANGED,
    "MemoryError": _WITH_ONE_CHANGED,
}
_OTHERWISE: Final = "Fix the cause, then retry. The retry starts with this job's configuration."


def what_to_do(job: TrainingJob) -> str | None:
    """The advice on a job that failed, timed out or could not be finished yet; None for any other job."""
    if job.status is JobStatus.TIMEOUT:
        return "Retry with a larger timeout_minutes, fewer epochs, or a faster machine."
    details = job.error_details or {}
    if job.is_trained and details:
        return "Finish it now, or leave it: it is tried again automatically, at least once an hour."
    if job.status is not JobStatus.FAILED:
        return None
    kinds = (str(details.get(name)) for name in ("code", "error_type"))
    return next((_BY_KIND[kind] for kind in kinds if kind in _BY_KIND), _OTHERWISE)
