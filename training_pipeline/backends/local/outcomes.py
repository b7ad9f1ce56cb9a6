"""The outcome of a run: from the trainer's result, or from the way it ended. Times are wall-clock times."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from typing import Any, Final

from training_pipeline.backends.error_types import UNANSWERED, cause_of
from training_pipeline.backends.local.disk_room import DISK_FULL
from training_pipeline.backends.local.run_directory import Outcome, RunDirectory
from training_pipeline.backends.local.run_log import log_tail
from training_pipeline.infra.json_file import BrokenFile, read_json

#: What the training program calls the death of one of several processes that train together.
PROCESS_LOST: Final = "ProcessLost"


def of_trainer(run: RunDirectory, *, ran_seconds: float) -> Outcome | None:
    """`of_result` of the run's result.json. Reads."""
    try:
        result = read_json(run.result)
    except BrokenFile as error:
        return Outcome("failed", time.time(), ran_seconds, f"{error}.", {"error_type": "BadResult"})
    return of_result(result, ran_seconds=ran_seconds)


def of_result(result: Mapping[str, Any] | None, *, ran_seconds: float) -> Outcome | None:
    """The outcome that the training program's result.json settles.

    None where the run may go on: there is none, or it was stopped, found the disk full, or lost one of its processes.
    """
    status = None if result is None else result.get("status")
    if result is None or status == "stopped" or result.get("error_type") in {DISK_FULL, PROCESS_LOST}:
        return None
    if status == "succeeded":
        return Outcome("succeeded", time.time(), ran_seconds)
    if status == "failed":
        error = str(result.get("error") or "The training program failed without giving a reason.")
        details = {"error_type": None, **cause_of(result)}
        return Outcome("failed", time.time(), ran_seconds, error, details)
    error = (
        f"The training program wrote a result with the status {status!r}; succeeded, failed or stopped was expected."
    )
    return Outcome("failed", time.time(), ran_seconds, error, {"error_type": "BadResult"})


def cancelled(*, ran_seconds: float) -> Outcome:
    """The outcome of a run that was ended because someone asked."""
    return Outcome("cancelled", time.time(), ran_seconds)


def timed_out(timeout_seconds: float, *, ran_seconds: float) -> Outcome:
    """The outcome of a run that took too long."""
    error = (
        f"The training exceeded its time limit of {timeout_seconds / 60:g} minutes and was stopped. Retry it"
        " with a larger timeout_minutes, or with fewer epochs."
    )
    return Outcome("timeout", time.time(), ran_seconds, error, {"timeout_seconds": timeout_seconds})


def unanswered(answer_seconds: float, *, ran_seconds: float) -> Outcome:
    """The outcome of an evaluation that was given no questions while it held a slot."""
    error = (
        f"It had a slot for {answer_seconds / 60:g} minutes and was given no questions: evaluate again once the daemon"
        " runs and the training sheets can be read."
    )
    return Outcome("failed", time.time(), ran_seconds, error, {"error_type": UNANSWERED})


def died(run: RunDirectory, exit_code: int | None, *, resumes: int, ran_seconds: float) -> Outcome:
    """The outcome of a run whose trainer died and is not resumed any more. Reads its log."""
    log = str(run.trainer_log)
    tail = log_tail(run.trainer_log)
    times = f", the last time after being resumed {resumes} time{'s' if resumes > 1 else ''}" if resumes else ""
    error = with_tail(f"The training program {how_it_ended(exit_code)}{times}.", log=log, tail=tail)
    details = {"error_type": "TrainerDied", "exit_code": exit_code, "resumes": resumes, "log": log, "log_tail": tail}
    return Outcome("failed", time.time(), ran_seconds, error, details)


def broken(error: str, *, ran_seconds: float) -> Outcome:
    """The outcome of a run that could not be carried on."""
    return Outcome("failed", time.time(), ran_seconds, error, {"error_type": "SupervisorFailed"})


def abandoned(run: RunDirectory, recoveries: int, *, ran_seconds: float) -> Outcome:
    """The outcome of a run whose supervisors died too often. Reads its logs."""
    path = run.supervisor_log
    tail = log_tail(path)
    times = f", although it was resumed {recoveries} time{'s' if recoveries > 1 else ''}" if recoveries else ""
    error = with_tail(f"The supervisor of this run was killed{times}.", log=str(path), tail=tail)
    details = {"error_type": "SupervisorLost", "log": str(path), "log_tail": tail, "recoveries": recoveries}
    return Outcome("failed", time.time(), ran_seconds, error, details)


def how_it_ended(exit_code: int | None) -> str:
    """The end of a program without a result, in words."""
    if exit_code is None:
        return "ended without a result"
    if exit_code == -signal.SIGKILL:
        return "was killed (SIGKILL: by a person, or by the system because memory ran out)"
    if exit_code < 0:
        return f"was killed by signal {-exit_code} ({signal.strsignal(-exit_code) or 'unknown'})"
    return f"ended with exit code {exit_code} and without a result"


def with_tail(sentence: str, *, log: str, tail: str) -> str:
    """`sentence` and the end of the log, where there is one."""
    return f"{sentence} The last lines of {log}:\n{tail}" if tail else f"{sentence} Its log {log} is empty."
