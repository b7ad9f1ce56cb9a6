"""How a program ends that was stopped or failed: told in the run directory, with the exit code that says it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from .errors import DISK_FULL, FAILED, INTERRUPTED, STOPPED, explain, scrubbed_traceback
from .output import log, say
from .run_dir import RunDir, Status, write_json
from .stop import STOPS, LastWord, StopRequest


def listen(run: RunDir, status: Status) -> StopRequest:
    """Stop on SIGTERM and SIGINT: after the current step while training, at once otherwise.

    Whoever listened with a `LastWord` has the last word before this process ends at once.
    """
    stop = StopRequest()

    def asked(number: int, frame: Any) -> None:
        stop.asked = True
        if not stop.patient:
            code = stopped(run, status)
            if isinstance(before[number], LastWord):
                before[number](number, frame)
            os._exit(code)

    before: dict[int, Any] = {number: signal.signal(number, asked) for number in STOPS}
    return stop


def stopped(run: RunDir, status: Status) -> int:
    """Tell that the program was stopped and may go on; its exit code. Of several processes the first writes."""
    if run.rank:
        return STOPPED
    status.facts |= {"phase": "stopped", "eta_seconds": None, "message": "stopped on request"}
    status.write()
    say("Stopped on request.")
    facts = {key: status.facts[key] for key in ("step", "planned_steps", "epoch", "tokens")}
    write_json(run.result, {"status": "stopped", **facts, "duration_seconds": status.facts["seconds"]})
    return STOPPED


def fail(run: RunDir, error: Exception) -> int:
    """Tell how the program failed; its exit code. Writes."""
    failure = explain(error, run.path)
    # Room first, for what is told; and the result, on which others wait, whatever becomes of the rest.
    with suppress(OSError):
        run.release_reserve()
        if failure.error_type == DISK_FULL:
            run.discard_unfinished_checkpoints()
            run.discard_half_done()
    with suppress(OSError):
        status = Status.of(RunDir(run.path))
        status.facts |= {"phase": "failed", "eta_seconds": None, "message": failure.error}
        status.write()
    with suppress(OSError):
        write_json(run.result, {"status": "failed", **asdict(failure)})
    log(f"{scrubbed_traceback(error)}{failure.error}\n")
    return FAILED if failure.recurs else INTERRUPTED
