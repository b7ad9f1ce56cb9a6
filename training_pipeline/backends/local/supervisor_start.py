"""Starting a supervisor so that it outlives, and takes nothing from, whoever starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.backends.local.run_log import append_privately, log_tail
from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.file_lock import try_lock

#: Seconds that an overloaded machine may take to start Python.
_START_SECONDS: Final = 60.0

#: Settings and credentials of ours and of our servers: a training program reads files, not databases.
_NOT_INHERITED: Final = ("TRAINING_PIPELINE_", "DAGSTER_", "MLFLOW_", "DATABRICKS_", "PG")

_PACKAGE_ROOT: Final = Path(__file__).resolve().parents[3]


def ensure_supervisor(run: RunDirectory) -> None:
    """Start a supervisor unless one lives. The caller holds run.lock, so nobody else looks at supervisor.lock."""
    lock = try_lock(run.supervisor_lock)
    if lock is None:
        return
    try:
        start_supervisor(run, lock)
    finally:
        os.close(lock)


def start_supervisor(run: RunDirectory, lock: int) -> None:
    """Start a supervisor that holds supervisor.lock by the descriptor `lock`, and return once it has left us.

    It is in a session of its own, is no child of this process, and has none of its files, directories, signals or
    credentials. Raises `Unavailable` if it cannot be started.
    """
    with append_privately(run.supervisor_log) as log:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "training_pipeline.backends.local.supervisor", str(run.path), str(lock)],
            cwd=run.path,
            env=child_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[lock],
        )
    try:
        code = launcher.wait(_START_SECONDS)
    except subprocess.TimeoutExpired as error:
        launcher.kill()
        launcher.wait()
        raise Unavailable(f"The supervisor of {run.path.name} did not start within {_START_SECONDS:.0f} s.") from error
    if code != 0:
        raise Unavailable(
            f"The supervisor of {run.path.name} could not be started (exit code {code}).",
            hint=f"The last lines of {run.supervisor_log}:\n{log_tail(run.supervisor_log)}",
        )


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for supervisor and trainer: without our secrets, and with our package importable.

    Their working directory is the run's, which must not be searched for modules (PYTHONSAFEPATH).
    """
    kept = {name: value for name, value in environment.items() if not name.startswith(_NOT_INHERITED)}
    paths = [str(_PACKAGE_ROOT), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    return kept | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "PYTHONSAFEPATH": "1"}
