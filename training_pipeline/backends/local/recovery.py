"""Runs that lost their supervisor: a new one is started, or the run is given up."""

from __future__ import annotations

from training_pipeline.backends.local import outcomes
from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.backends.local.supervisor_start import ensure_supervisor
from training_pipeline.infra.file_lock import is_held
from training_pipeline.infra.json_file import read_json, write_json
from training_pipeline.infra.processes import ProcessIdentity


def recover(run: RunDirectory, *, resumes: int) -> None:
    """Give a run without outcome and supervisor a new supervisor, or its outcome after `resumes` losses. Idempotent.

    A supervisor that was told to stop is not counted as lost. The caller holds run.lock.
    """
    if run.outcome() is not None or is_held(run.supervisor_lock):
        return
    supervision = run.supervision()
    done = int((read_json(run.recoveries) or {"count": 0})["count"])
    interrupted = supervision is not None and supervision.interrupted
    if interrupted or done < resumes:
        ensure_supervisor(run)
        if not interrupted:
            write_json(run.recoveries, {"count": done + 1})
    else:
        _give_up(run, done)


def _give_up(run: RunDirectory, recoveries: int) -> None:
    """End what is left of a run that was lost too often, and write its outcome."""
    leader = ProcessIdentity.from_json(read_json(run.trainer))
    if leader is not None and is_held(run.trainer_lock):  # the lock says that the group is still this trainer's
        leader.kill_group()
    supervision = run.supervision()
    ran_seconds = supervision.ran_seconds if supervision else 0.0
    outcome = outcomes.of_trainer(run, ran_seconds=ran_seconds)
    if outcome is None and run.cancel.exists():
        outcome = outcomes.cancelled(ran_seconds=ran_seconds)
    run.write_outcome(outcome or outcomes.abandoned(run, recoveries, ran_seconds=ran_seconds))
