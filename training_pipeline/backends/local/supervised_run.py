"""The course of one run: a slot, permission, a trainer that is started, resumed and ended, and the outcome.

Only the standard library and psutil are imported: many supervisors may wait at the same time.
"""

from __future__ import annotations

import logging
import os
import time
from enum import Enum, auto
from typing import Final

from training_pipeline.backends.local import disk_room, outcomes
from training_pipeline.backends.local.early_start import EarlyTrainer
from training_pipeline.backends.local.run_directory import Orders, Outcome, RunDirectory, Supervision
from training_pipeline.backends.local.slots import Turn
from training_pipeline.backends.local.trainer_process import Orphan, TrainerProcess, start_trainer
from training_pipeline.infra.file_lock import is_held, try_lock
from training_pipeline.infra.json_file import read_json
from training_pipeline.infra.processes import ProcessIdentity

#: Seconds between two looks at the trainer and at the wish to cancel.
TICK_SECONDS: Final = 0.1
#: At most this much running time is forgotten when the supervisor is killed together with its trainer.
HEARTBEAT_SECONDS: Final = 5.0

log = logging.getLogger("supervisor")


class Ending(Enum):
    """Why a run is ended from outside."""

    CANCELLED = auto()
    TIMED_OUT = auto()
    UNANSWERED = auto()
    INTERRUPTED = auto()


class RemnantsAlive(Exception):
    """Processes of an earlier trainer hold the run and cannot be ended."""


class SupervisedRun:
    """A run under its supervisor. Every line may be the supervisor's last: the next one goes on from the files."""

    def __init__(self, run: RunDirectory, orders: Orders, early: EarlyTrainer | None = None) -> None:
        self._run = run
        #: A trainer that was started before the run was submitted, until it is given the word.
        self._early = early
        self._orders = orders
        self._me = ProcessIdentity.of(os.getpid())
        before = run.supervision()
        self._has_run = before.has_run if before else False
        self._resumes = before.resumes if before else 0
        self._ran_before = before.ran_seconds if before else 0.0
        #: For how long nobody watched over the run before this supervisor; a trainer left alive trained on.
        self._unwatched = max(0.0, time.time() - before.updated_at) if before else 0.0
        self._training_since: float | None = None
        self._last_heartbeat = -HEARTBEAT_SECONDS
        self._slot = early.slot if early else None
        self._asks_since: float | None = None
        self._permitted = False
        self._told_points = run.has_points()
        self._times_full = 0
        self.interrupted = False

    def interrupt(self, *_: object) -> None:
        """Stop at the next tick and leave the run without an outcome. May be called by a signal handler."""
        self.interrupted = True

    def supervise(self) -> Outcome | None:
        """Carry the run on to its end: the outcome, or None if this supervisor was told to stop."""
        self._say("Waiting for a slot.")
        trainer = None if self._early else self._take_over()
        while True:
            if trainer is None:
                # An earlier supervisor may have died before it wrote the outcome down.
                outcome = outcomes.of_trainer(self._run, ran_seconds=self.ran_seconds)
                if outcome is not None:
                    return outcome
                ending = self._wait_for_slot() or self._wait_for_permission()
                if ending is not None:
                    return self._ended(ending)
                trainer = self._start()
            ending, exit_code = self._see_out(trainer)
            trainer = None
            if ending is None and disk_room.was_full(self._run):
                ending = self.wait_for_room()
                if ending is None:
                    continue
            outcome = outcomes.of_trainer(self._run, ran_seconds=self.ran_seconds)
            if outcome is not None and (ending is None or outcome.status == "succeeded"):
                return outcome
            ending = ending or self._why_end()
            if ending is not None:
                return self._ended(ending)
            if self._resumes >= self._orders.resumes:
                return self._died(exit_code)
            self._resumes += 1
            log.warning("the trainer %s; resume %d", outcomes.how_it_ended(exit_code), self._resumes)
            self._say(f"Resuming from the last checkpoint ({self._resumes} of {self._orders.resumes}).")

    @property
    def ran_seconds(self) -> float:
        """How long trainers of this run have run so far."""
        running = 0.0 if self._training_since is None else time.monotonic() - self._training_since
        return self._ran_before + running

    def _take_over(self) -> TrainerProcess | None:
        """The trainer that an earlier supervisor left alive, if any. Waits for what is left of a dead one to go."""
        deadline = time.monotonic() + self._orders.cancel_grace_seconds
        while is_held(self._run.trainer_lock):
            leader = ProcessIdentity.from_json(read_json(self._run.trainer))
            if leader is not None and leader.is_alive():
                log.info("taking over the trainer with the process id %d", leader.pid)
                self._ran_before += self._unwatched
                self._training()
                return Orphan(leader)
            if leader is not None:
                leader.kill_group()
            if time.monotonic() > deadline:
                raise RemnantsAlive(
                    "Processes that an earlier trainer of this run started are still alive and could not be ended. End"
                    f" whatever holds {self._run.trainer_lock} open, then retry the job."
                )
            time.sleep(TICK_SECONDS)
        return None

    def _wait_for_slot(self) -> Ending | None:
        orders = self._orders
        turn = Turn(self._run.slots, slots=orders.slots, submitted_at=orders.submitted_at, run_name=self._run.path.name)
        while (ending := self._why_end()) is None and self._slot is None:
            self._slot = turn.take()
            if self._slot is None:
                time.sleep(TICK_SECONDS)
        turn.leave()
        return ending

    def _wait_for_permission(self) -> Ending | None:
        """Ask whether the pairs may still be trained on, once for the slot that was given, and wait for the answer: as
        long as the orders say, for the slot is held meanwhile.
        """
        if not self._orders.asks_permission or self._permitted:
            return None
        longest = self._orders.answer_seconds
        deadline = float("inf") if longest is None else time.monotonic() + longest
        self._asks_since = time.time()
        self._say("Waiting for the check whether its pairs may still be trained on.")
        self._run.tell()
        while (ending := self._why_end()) is None and not self._permitted:
            self._permitted = (read_json(self._run.permission) or {}).get("asked") == self._asks_since
            if not self._permitted and time.monotonic() > deadline:
                ending = Ending.UNANSWERED
                break
            if not self._permitted:
                time.sleep(TICK_SECONDS)
        self._asks_since = None
        return ending

    def wait_for_room(self) -> Ending | None:
        """Wait until the disk has room to go on from the last checkpoint; that costs neither a resume nor running time.

        What an earlier start came to is forgotten: it was the full disk.
        """
        self._times_full += 1
        pause_over = time.monotonic() + disk_room.PAUSES.pause(self._times_full)
        needed = disk_room.needed_bytes(self._run)
        log.warning("%s", disk_room.waits_for_room(self._run))
        while (ending := self._why_end()) is None:
            if disk_room.free_bytes(self._run.path) >= needed and time.monotonic() >= pause_over:
                self._run.result.unlink(missing_ok=True)
                break
            time.sleep(TICK_SECONDS)
        return ending

    def _start(self) -> TrainerProcess:
        early, self._early = self._early, None
        if early is not None and (trainer := early.go(self._run)) is not None:
            self._training()
            return trainer
        left = self._take_over()
        if left is not None:
            return left
        # What an earlier start came to is not what this one comes to.
        self._run.result.unlink(missing_ok=True)
        lock = try_lock(self._run.trainer_lock)
        if lock is None or self._slot is None:
            raise RemnantsAlive(f"Something took {self._run.trainer_lock} while the trainer was being started.")
        try:
            trainer = start_trainer(self._run, self._orders.program, holding=(lock, self._slot))
        finally:
            os.close(lock)
        self._training()
        return trainer

    def _training(self) -> None:
        self._has_run = True
        self._training_since = time.monotonic()
        self._say()
        self._run.tell()

    def _see_out(self, trainer: TrainerProcess) -> tuple[Ending | None, int | None]:
        """Watch the trainer to its end: why it was ended, if it was, and its exit code. Nothing of it is left then."""
        try:
            ending = self._watch(trainer)
        except BaseException:
            trainer.kill()
            raise
        exit_code = trainer.reap()
        self._ran_before, self._training_since = self.ran_seconds, None
        return ending, exit_code

    def _watch(self, trainer: TrainerProcess) -> Ending | None:
        """Wait until the trainer has ended; why it was ended, or None if nobody ended it."""
        ending: Ending | None = None
        kill_at = float("inf")
        while not trainer.has_ended():
            now = time.monotonic()
            if ending is None and (ending := self._why_end()) is not None:
                log.info("%s: asking the trainer to stop", ending.name.lower())
                trainer.ask_to_stop()
                kill_at = now + self._orders.cancel_grace_seconds
            if now >= kill_at:
                log.warning("the trainer did not stop within %g s: killing it", self._orders.cancel_grace_seconds)
                trainer.kill()
                kill_at = now + self._orders.cancel_grace_seconds
            if now - self._last_heartbeat >= HEARTBEAT_SECONDS:
                self._say()
            if not self._told_points and self._run.has_points():
                self._told_points = True
                self._run.tell()
            time.sleep(TICK_SECONDS)
        return ending

    def _why_end(self) -> Ending | None:
        if self._run.cancel.exists():
            return Ending.CANCELLED
        if self.ran_seconds >= self._orders.timeout_seconds:
            return Ending.TIMED_OUT
        return Ending.INTERRUPTED if self.interrupted else None

    def _ended(self, ending: Ending) -> Outcome | None:
        if ending is Ending.CANCELLED:
            return outcomes.cancelled(ran_seconds=self.ran_seconds)
        if ending is Ending.TIMED_OUT:
            return outcomes.timed_out(self._orders.timeout_seconds, ran_seconds=self.ran_seconds)
        if ending is Ending.UNANSWERED:
            return outcomes.unanswered(self._orders.answer_seconds or 0.0, ran_seconds=self.ran_seconds)
        self._say("The supervisor received a signal to stop.", interrupted=True)
        return None

    def _died(self, exit_code: int | None) -> Outcome:
        return outcomes.died(self._run, exit_code, resumes=self._resumes, ran_seconds=self.ran_seconds)

    def _say(self, message: str = "", *, interrupted: bool = False) -> None:
        self._last_heartbeat = time.monotonic()
        supervision = Supervision(
            supervisor=self._me.as_json(),
            has_run=self._has_run,
            interrupted=interrupted,
            resumes=self._resumes,
            ran_seconds=self.ran_seconds,
            updated_at=time.time(),
            message=message,
            asks_since=self._asks_since,
        )
        try:
            self._run.write_supervision(supervision)
        except OSError as error:  # a full disk must not end a training that may itself get by
            log.warning("could not write supervisor.json: %s", error.strerror)

    def release_slot(self) -> None:
        """End a trainer that was never given the word, and let the next run have the slot. Idempotent."""
        if self._early is not None:
            self._early.close()
            self._early = None
        if self._slot is not None:
            os.close(self._slot)
            self._slot = None
