"""A trainer that is started while its dataset is still being made: it imports its libraries, takes seconds for it, and
then waits for the word to go.

Whoever launches has the run's supervisor started early. That takes a slot, if one is free, starts the trainer, and
waits for the orders that a submission writes. The launching process holds `launching.lock` meanwhile: where it is free
and there are no orders, the launch has failed or died, and supervisor and trainer end. They also end where a run that
is submitted waits for a slot, so that no slot stands idle while a large dataset is made. A trainer that waits has read
nothing and written nothing, and ends with its supervisor. It is named in trainer.json before it gets the word, as any
trainer is before it trains.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Final

from training_pipeline.backends.local.run_directory import EarlyOrders, Orders, RunDirectory
from training_pipeline.backends.local.run_log import append_privately
from training_pipeline.backends.local.slots import Turn, is_wanted
from training_pipeline.backends.local.trainer_process import Child
from training_pipeline.infra.file_lock import hold, is_held, try_lock
from training_pipeline.infra.json_file import write_json
from training_pipeline.infra.processes import ProcessIdentity, end_with_parent

#: Between two looks for the orders.
LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class EarlyTrainer:
    """A trainer that waits for the word, in the slot that the descriptor `slot` holds."""

    process: subprocess.Popen[bytes]
    word: int
    slot: int

    def has_ended(self) -> bool:
        """Whether it has died while it waited."""
        return Child(self.process).has_ended()

    def go(self, run: RunDirectory) -> Child | None:
        """Name it in trainer.json and give it the word; None where it has died. Once only."""
        trainer = Child(self.process)
        try:
            if not trainer.has_ended():
                write_json(run.trainer, ProcessIdentity.of(self.process.pid).as_json())
                os.write(self.word, b"!")
                return trainer
        except BrokenPipeError:  # it died just now
            pass
        finally:
            os.close(self.word)
        trainer.reap()
        return None

    def close(self) -> None:
        """End it without the word; the slot is the caller's to release."""
        os.close(self.word)
        Child(self.process).reap()


def start(run: RunDirectory, orders: EarlyOrders) -> EarlyTrainer | None:
    """Start a trainer that waits, in a slot; None where none is free now, or it cannot be started."""
    turn = Turn(run.slots, slots=orders.slots, submitted_at=orders.asked_at, run_name=run.path.name)
    slot = turn.take()
    turn.leave()
    if slot is None:
        return None
    lock = try_lock(run.trainer_lock)
    if lock is None:  # something of an earlier one is left: whoever comes with orders will see to it
        os.close(slot)
        return None
    hear, word = os.pipe()
    try:
        with append_privately(run.trainer_log) as log:
            process = subprocess.Popen(
                [*orders.program, "--wait", str(hear), orders.base_model, str(run.config)],
                cwd=run.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                pass_fds=[hear, lock, slot],
                preexec_fn=_in_child,
            )
    except (OSError, subprocess.SubprocessError):
        os.close(word)
        os.close(slot)
        return None
    finally:
        os.close(hear)
        os.close(lock)
    return EarlyTrainer(process, word, slot)


def await_orders(run: RunDirectory, supervisor_lock: int) -> tuple[Orders | None, EarlyTrainer | None]:
    """Start a trainer early and wait: the orders and the trainer.

    Without orders the launch is over, or the slot was wanted by another run; the lock of the supervisor is given back
    then, and the caller has to end.
    """
    asked = run.early_orders()
    early = None if asked is None else start(run, asked)
    while (orders := run.orders()) is None:
        if early is None or early.has_ended() or not is_held(run.launching_lock) or is_wanted(run.slots):
            break
        time.sleep(LOOK_SECONDS)
    if orders is None:
        if early is not None:
            early.close()
            os.close(early.slot)
            early = None
        # Whoever submits holds this lock, and starts a supervisor unless the lock of one is held.
        with hold(run.run_lock):
            orders = run.orders()
            if orders is None:
                os.close(supervisor_lock)
    return orders, early


def _in_child() -> None:
    """What the one thread of the supervisor has its child do first: end with it, and on the usual signals."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_DFL)
    end_with_parent()
