"""Start one process for each GPU by torch's launcher, the one behind `torchrun`, and see them to their end.

The processes tell everything through the run directory, as one process would. This one passes on the wish to stop, and
says which process was lost where one died without a word. It dies together with them.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..endings import stopped
from ..errors import BAD_CONFIG, FAILED, INTERRUPTED, PROCESS_LOST, STOPPED, SUCCEEDED, Failure
from ..output import LAUNCHER, say
from ..run_dir import RunDir, Status, read_json, write_json


def launch(config: Path, run: RunDir, count: int) -> int:
    """Train in `count` processes; returns the exit code that one process would have."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    meeting = run.ranks / secrets.token_hex(8)
    run.forget_ranks()
    run.ranks.mkdir(mode=0o700)
    os.environ[LAUNCHER] = str(os.getpid())
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))

    def asked(number: int, _: Any) -> None:
        with contextlib.suppress(OSError):  # it is over
            run.stop.touch()
        if not run.patient.exists() and not run.result.exists():
            raise SignalException("asked to stop", signal.Signals(number))

    say(f"{count} processes train together.")
    launcher = elastic_launch(
        LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            run_id=meeting.name,
            rdzv_backend="c10d",
            # A file and no port, so that nobody else can join.
            rdzv_endpoint=str(meeting.with_suffix(".launch")),
            rdzv_configs={"store_type": "file"},
            local_addr="127.0.0.1",
            max_restarts=0,
            monitor_interval=0.2,
            logs_specs=DefaultLogsSpecs(log_dir=str(run.ranks)),
            signals_to_handle="SIGQUIT",  # the others are ours
        ),
        sys.executable,
    )
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, asked)
        launcher(str(Path(__file__).parents[1]), "--rank", str(config), str(meeting))
    except SignalException:
        return stopped(run, Status.of(run))
    except ChildFailedError as failed:
        if not run.result.exists():
            _tell_loss(run, failed, count)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        run.forget_ranks()
    return exit_code(read_json(run.result))


def exit_code(result: dict[str, Any] | None) -> int:
    """What a result comes to as an exit code."""
    if result is None:
        return INTERRUPTED
    if result["status"] == "failed":
        return FAILED if result.get("recurs") else INTERRUPTED
    return {"succeeded": SUCCEEDED, "stopped": STOPPED}.get(result["status"], BAD_CONFIG)


def _tell_loss(run: RunDir, failed: Any, count: int) -> None:
    """Say which process died without a word of its own, in the log and in the result. It may pass, so it is resumed."""
    rank, failure = failed.get_first_failure()
    how = f"ended with exit code {failure.exitcode}"
    if failure.exitcode < 0:
        name = "an unknown signal"
        with contextlib.suppress(ValueError):
            name = signal.Signals(-failure.exitcode).name
        why = ": by a person, or by the system because memory ran out" if name == "SIGKILL" else ""
        how = f"was killed ({name}{why})"
    told = f"Process {rank + 1} of the {count} that train together {how}, and the others were ended."
    say(told)
    write_json(run.result, {"status": "failed", **asdict(Failure(told, PROCESS_LOST, recurs=False))})
