"""One small process a run: waits for a slot and permission, starts, resumes and ends the trainer, writes the outcome.

`python -m training_pipeline.backends.local.supervisor RUN_DIR [LOCK_DESCRIPTOR]`. With the descriptor of the held
supervisor.lock, as the backend starts it, it goes into a session of its own and its caller returns at once; without, it
stays in the foreground. Only the standard library and psutil are imported: many of these may wait at the same time.

SIGTERM ends the trainer gently and leaves the run without an outcome, for the backend to take up again. If the
supervisor is killed, the trainer goes on; the next supervisor takes it over.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from training_pipeline.backends.local import outcomes
from training_pipeline.backends.local.early_start import await_orders
from training_pipeline.backends.local.run_directory import Outcome, RunDirectory
from training_pipeline.backends.local.supervised_run import RemnantsAlive, SupervisedRun
from training_pipeline.infra.file_lock import try_lock
from training_pipeline.infra.retry import RetryPolicy

#: The pauses between two attempts to write the outcome where the disk is full. A signal to stop waits for their end.
_WRITES: Final = RetryPolicy(first=0.5, longest=5.0)

log = logging.getLogger("supervisor")


def supervise(run: RunDirectory, lock: int | None = None) -> None:
    """Carry `run` on to its outcome and write it down. The caller holds supervisor.lock.

    With the descriptor `lock` of it the run may not be submitted yet: its trainer is started early where that was asked
    for, and nothing is left of it where no submission follows.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    orders, early = run.orders(), None
    if orders is None and lock is not None:
        orders, early = await_orders(run, lock)
        if orders is None:
            return
    if orders is None:
        raise ValueError(f"{run.path} holds no orders.json; only a submitted run can be supervised")
    if run.outcome() is not None:
        return
    supervised = SupervisedRun(run, orders, early)
    # Handlers of our own, so that the trainer starts with the default ones whatever our starter ignored.
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, supervised.interrupt)
    try:
        outcome = _supervise(supervised)
    except RemnantsAlive as error:
        outcome = outcomes.broken(str(error), ran_seconds=supervised.ran_seconds)
    except (OSError, subprocess.SubprocessError) as error:
        log.exception("could not go on")
        what = f"The run could not be carried on in {run.path}: {error}."
        outcome = outcomes.broken(what, ran_seconds=supervised.ran_seconds)
    supervised.release_slot()
    if outcome is not None:
        _write(run, supervised, outcome)
    else:
        run.forget_questions()  # the next supervisor asks again, and is given them anew


def _supervise(supervised: SupervisedRun) -> Outcome | None:
    """To the outcome, also over a disk that is too full for files of the supervision itself."""
    while True:
        try:
            return supervised.supervise()
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            supervised.wait_for_room()  # where that is ended, so is the next try


def _write(run: RunDirectory, supervised: SupervisedRun, outcome: Outcome) -> None:
    """Write the outcome down, as soon as there is room for it; in vain where the directory is gone."""
    failures = 0
    while run.path.exists():
        try:
            run.write_outcome(outcome)
        except OSError as error:
            log.warning("could not write the outcome (%s); trying again", error.strerror)
            if supervised.interrupted:
                return
            failures += 1
            time.sleep(_WRITES.pause(failures))
        else:
            run.tell()
            log.info("%s", outcome.status)
            return


def main(arguments: list[str]) -> int:
    """Supervise the run in the directory named first. Returns 0, also where another supervisor is at work."""
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    run = RunDirectory(Path(arguments[0]))
    lock = int(arguments[1]) if len(arguments) > 1 else None
    if lock is not None:
        os.set_inheritable(lock, False)
        if os.fork():
            # Whoever started us can reap us now, and never has to reap the supervisor.
            os._exit(0)
        os.setsid()
    elif try_lock(run.supervisor_lock) is None:
        log.info("this run has a supervisor already")
        return 0
    supervise(run, lock)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
