"""A local backend with the stand-in trainer, for any test that needs a backend at work."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import psutil

from training_pipeline.backends.local.backend import LocalBackend
from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.backends.run_state import RunState
from training_pipeline.backends.submission import Submission
from training_pipeline.domain.job import TERMINAL, JobStatus
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.infra.processes import ProcessIdentity
from training_pipeline.testing.trainers import stand_in_trainer

T = TypeVar("T")
#: Seconds. Generous, because the machine is shared; what is waited for is looked at again and again.
PATIENCE: Final = 60.0


def stand_in_program(**behaviour: Any) -> tuple[str, ...]:
    """The command of a trainer with a `Behaviour` of these fields."""
    replace(stand_in_trainer.Behaviour(), **behaviour)  # a misspelt field is an error here, not in a log
    return (sys.executable, "-S", str(Path(stand_in_trainer.__file__)), json.dumps(behaviour))


def stand_in_backend(
    runs: Path,
    *,
    slots: int = 1,
    resumes: int = 2,
    cancel_grace_seconds: float = 5.0,
    asks_permission: bool = False,
    **behaviour: Any,
) -> LocalBackend:
    """A real local backend whose trainers are stand-ins. End its processes with `reap(runs)`."""
    program = stand_in_program(**behaviour)
    return LocalBackend(runs, slots, resumes, cancel_grace_seconds, program, asks_permission=asks_permission)


def submission(job_id: str = "tj-1", *, attempt: int = 1, digest: str = "d1", **config: Any) -> Submission:
    """A submission with every "auto" resolved; the stand-in opens no dataset."""
    resolved = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 8, "method": "full", "max_length": 64}
    return Submission(
        job_id=job_id,
        attempt=attempt,
        model_name="stand-in",
        base_model="builtin:tiny",
        config=TrainingConfig(**{**resolved, "precision": "fp32", **config}),
        train_file=Path("/nowhere/train.jsonl"),
        validation_file=Path("/nowhere/validation.jsonl"),
        dataset_digest=digest,
    )


def until(look: Callable[[], T | None], what: str, *, seconds: float = PATIENCE) -> T:
    """The first truthy answer of `look`; fails the test if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.02)
    return seen


def until_over(backend: LocalBackend, job_id: str = "tj-1", *, recovering: bool = False) -> RunState:
    """The state of the run once it is over; a lost run is an end, unless it is to be recovered."""

    def look() -> RunState | None:
        state = backend.status(job_id, 1)
        if state.lost and recovering and backend.recover(job_id, 1):
            return None
        return state if state.status in TERMINAL else None

    return until(look, f"the end of {job_id}")


def until_status(backend: LocalBackend, status: JobStatus, job_id: str = "tj-1") -> RunState:
    """The state of the run once it has `status`."""

    def look() -> RunState | None:
        state = backend.status(job_id, 1)
        assert state.status is status or state.status not in TERMINAL, f"{job_id} ended: {state}"
        return state if state.status is status else None

    return until(look, f"{status} of {job_id}")


def until_step(backend: LocalBackend, step: int, job_id: str = "tj-1") -> None:
    """Wait until the trainer has reached `step`."""
    until(lambda: (backend.status(job_id, 1).step or 0) >= step, f"step {step} of {job_id}")


def starts(run: RunDirectory) -> list[dict[str, Any]]:
    """Each start of the run's trainer: pid, from_step, time."""
    path = run.path / "stand_in_starts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def supervisor_pid(run: RunDirectory) -> int:
    """The process id of the supervisor at work; one just started has not told of itself yet, so this waits for it."""

    def look() -> int | None:
        supervision = run.supervision()
        identity = ProcessIdentity.from_json(supervision.supervisor) if supervision else None
        return identity.pid if identity is not None and identity.is_alive() else None

    return until(look, f"a supervisor of {run.path.name}")


def trainer_pid(run: RunDirectory) -> int:
    """The process id of the latest trainer."""
    until(lambda: starts(run), "the start of a trainer")
    return int(starts(run)[-1]["pid"])


def kill_and_wait(pid: int, signum: int = signal.SIGKILL) -> None:
    """Send the signal and wait until the process is gone or a zombie."""
    os.kill(pid, signum)
    until(lambda: is_gone(pid), f"the death of {pid}")


def is_gone(pid: int) -> bool:
    """Whether no such process runs."""
    try:
        return psutil.Process(pid).status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        return True


def reap(runs: Path) -> None:
    """Kill every process that has a run below `runs` in its command line; returns when they are gone."""
    marks = str(runs.absolute()) + os.sep
    mine: list[int] = []
    for process in psutil.process_iter(["cmdline"]):
        if process.pid != os.getpid() and any(part.startswith(marks) for part in process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.NoSuchProcess):
                # The trainer's children do not name the run; they are in its group.
                if os.getpgid(process.pid) == process.pid:
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()
            mine.append(process.pid)
    # A zombie is gone enough: whoever is to reap it may take its time.
    until(lambda: all(is_gone(pid) for pid in mine), "the death of the runs' processes")
