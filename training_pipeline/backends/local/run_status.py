"""The state of a run, as its files and locks tell it. Reads only."""

from __future__ import annotations

from typing import Any

from training_pipeline.backends.local import disk_room, outcomes
from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.backends.local.run_log import log_tail
from training_pipeline.backends.run_state import RunState
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.file_lock import hold, is_held
from training_pipeline.infra.json_file import read_json


def run_state(run: RunDirectory) -> RunState:
    """The state of a submitted run; raises `OSError` and `BrokenFile` where its files cannot be read."""
    # The lock first: a supervisor that ends between the two looks has written its outcome by then.
    supervised = _is_supervised(run)
    outcome = run.outcome()
    supervision = run.supervision()
    progress = _progress(run)
    if outcome is not None:
        progress.pop("eta_seconds", None)
        status = JobStatus(outcome.status)
        return RunState(status=status, error=outcome.error, error_details=outcome.error_details, **progress)
    if not supervised:
        return _lost(run, progress)
    asks_since = supervision.asks_since if supervision else None
    if supervision is None or not supervision.has_run:
        message = supervision.message if supervision else ""
        return RunState(status=JobStatus.QUEUED, asks_since=asks_since, message=message or "Waiting for a slot.")
    if supervision.message:
        progress["message"] = supervision.message
    # Not asked of the supervisor, who may have no room to write it down.
    waits = not is_held(run.trainer_lock) and disk_room.was_full(run)
    waits_for = disk_room.waits_for_room(run) if waits else None
    return RunState(status=JobStatus.RUNNING, asks_since=asks_since, waits_for=waits_for, **progress)


def _is_supervised(run: RunDirectory) -> bool:
    # Shared: whoever starts a supervisor must not mistake this look at the lock for one.
    with hold(run.run_lock, shared=True):
        return is_held(run.supervisor_lock)


def _progress(run: RunDirectory) -> dict[str, Any]:
    """The fields of a `RunState` that the trainer's status.json tells."""
    try:
        status = read_json(run.status) or {}
    except ValueError:
        return {"message": f"{run.status} cannot be read."}
    names = ("step", "planned_steps", "epoch", "total_epochs", "eta_seconds")
    return {**{name: status.get(name) for name in names}, "message": status.get("message") or status.get("phase") or ""}


def _lost(run: RunDirectory, progress: dict[str, Any]) -> RunState:
    progress.pop("eta_seconds", None)
    tail = log_tail(run.supervisor_log)
    error = outcomes.with_tail(
        "The supervisor of this run is gone and left no outcome.", log=str(run.supervisor_log), tail=tail
    )
    details = {"error_type": "SupervisorLost", "log": str(run.supervisor_log), "log_tail": tail}
    details["trainer_log_tail"] = log_tail(run.trainer_log)
    return RunState(status=JobStatus.FAILED, lost=True, error=error, error_details=details, **progress)
