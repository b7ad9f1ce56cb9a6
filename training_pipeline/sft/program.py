"""The program around the training: configuration in, exit code out, and every ending told in `result.json`.

Exit codes: 0 succeeded; 1 failed, and would fail again; 2 the configuration cannot be used; 3 stopped on SIGTERM or
SIGINT, to be continued by starting it again; 4 failed for a reason outside (disk, network) that may pass.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .config import BadConfig, Config, read
from .distributed import devices
from .distributed.ranks import Ranks
from .endings import fail, listen, stopped
from .environment import importing, set_environment, use_one_gpu
from .errors import BAD_CONFIG, SUCCEEDED
from .output import Masked, say
from .run_dir import RunDir, Status, read_json, write_json
from .stop import STOPS, SharedStop, Stopped, StopRequest


def main(arguments: list[str]) -> int:
    """Run the training that the one argument, a JSON file, describes; returns the exit code."""
    os.umask(0o077)
    if len(arguments) != 1:
        sys.stderr.write("Usage: python -m training_pipeline.sft CONFIG.json\n")
        return BAD_CONFIG
    path = Path(arguments[0])
    try:
        config = read(path)
    except BadConfig as problem:
        return _refuse(path, problem)
    run = RunDir(config.run_dir)
    with contextlib.redirect_stderr(Masked(sys.stderr)):
        try:
            run.create()
            return _run(config, run, path)
        except Exception as error:  # noqa: BLE001  # the outermost place: every ending is told
            return fail(run, error)


def _run(config: Config, run: RunDir, path: Path) -> int:
    earlier = read_json(run.result)
    if earlier and earlier["status"] == "succeeded":
        _clean_up(run)
        return SUCCEEDED
    run.result.unlink(missing_ok=True)
    status = Status.of(run)
    status.facts |= {"phase": "loading", "eta_seconds": None, "message": "starting"}
    stop = listen(run, status)
    status.write()
    set_environment([config.base_model])
    done = status.facts["step"]
    say(f"{'Going on with' if done else 'Starting'} the training of {config.model_name} from {config.base_model}.")
    with importing():
        count = devices.processes(config)
    if count > 1:
        from .distributed.launch import launch

        return launch(path, run, count)
    use_one_gpu()
    return carry_out(config, run, status, stop)


def carry_out(
    config: Config, run: RunDir, status: Status, stop: StopRequest | SharedStop, ranks: Ranks | None = None
) -> int:
    """Train to the end in this process, which may be one of several; its exit code."""
    train = imported()
    try:
        result = train(config, run, status, stop, ranks or Ranks())
    except Stopped:
        return stopped(run, status)
    if result is None:  # the first process tells
        return SUCCEEDED
    # From here on a stop comes too late: what is left takes no time.
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    status.tell(phase="done", step=result["steps"], epoch=result["epochs_completed"], eta_seconds=0.0, message="done")
    write_json(run.result, {"status": "succeeded", **result})
    say(f"Done: {result['steps']} steps in {result['duration_seconds']:.1f} s, val_loss {result['val_loss']:.4g}.")
    _clean_up(run)
    return SUCCEEDED


def imported() -> Callable[[Config, RunDir, Status, StopRequest | SharedStop, Ranks], dict[str, Any] | None]:
    """The function that trains. Several seconds of imports: only now, when there is, or will be, something to train."""
    with importing():
        from .training.train import train
    return train


def _refuse(path: Path, problem: BadConfig) -> int:
    """Tell what is wrong with the configuration, in `result.json` too where it names a usable run_dir."""
    sys.stderr.write(f"{problem}\n")
    try:
        run_dir = Path(read_json(path)["run_dir"])
    except (OSError, ValueError, TypeError, KeyError):
        return BAD_CONFIG
    if run_dir.is_absolute():
        run = RunDir(run_dir)
        run.create()
        write_json(run.result, {"status": "failed", "error": str(problem), "error_type": "BadConfig", "recurs": True})
    return BAD_CONFIG


def _clean_up(run: RunDir) -> None:
    """Delete what only an unfinished run needs. Idempotent."""
    for directory in (run.checkpoints, run.tokens, run.base):
        shutil.rmtree(directory, ignore_errors=True)
    for file in (run.best, run.before):
        file.unlink(missing_ok=True)
    run.discard_half_done()
    run.release_reserve()
