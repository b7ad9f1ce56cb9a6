"""The process that trains: a child of the supervisor, or one that an earlier supervisor left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, Protocol

import psutil

from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.backends.local.run_log import append_privately
from training_pipeline.infra.json_file import write_json
from training_pipeline.infra.processes import ProcessIdentity

#: Exit code of a child that could not write down who it is (EX_CANTCREAT): a death like any other, told in its log.
_CANNOT_REGISTER: Final = 73


class TrainerProcess(Protocol):
    """A training program at work, leader of its own process group."""

    def has_ended(self) -> bool:
        """Whether the program itself is over; its group may still have members."""
        ...

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the program alone: its helpers must live until it has saved its work."""
        ...

    def kill(self) -> None:
        """Kill the whole group. Idempotent."""
        ...

    def reap(self) -> int | None:
        """Kill what is left of the group of an ended program; its exit code, negative for a signal, None if unknown."""
        ...


class Child:
    """A trainer that this process started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def has_ended(self) -> bool:
        """Leaves the exit code uncollected, so that the number of the group stays ours."""
        return psutil.Process(self._process.pid).status() == psutil.STATUS_ZOMBIE

    def ask_to_stop(self) -> None:
        """SIGTERM; a program that ended meanwhile is a zombie and does not mind."""
        os.kill(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the group."""
        # macOS says "not permitted" of a group of which only the zombie is left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def reap(self) -> int | None:
        """First the group, then the exit code: in the other order the number could be someone else's."""
        self.kill()
        return self._process.wait()


class Orphan:
    """A trainer whose supervisor died. It goes on training; only its exit code cannot be known."""

    def __init__(self, leader: ProcessIdentity) -> None:
        self._leader = leader

    def has_ended(self) -> bool:
        """By its identity."""
        return not self._leader.is_alive()

    def ask_to_stop(self) -> None:
        """SIGTERM, if it is still the same process."""
        if self._leader.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._leader.pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the group, if it is still the same group."""
        self._leader.kill_group()

    def reap(self) -> int | None:
        """Nothing is known of its exit."""
        self.kill()
        return None


def start_trainer(run: RunDirectory, program: Sequence[str], *, holding: Sequence[int]) -> Child:
    """Start the training program on the run's configuration, its output appended to the log.

    It holds the locks `holding` as long as it or a child of its lives, and trainer.json names it before it runs, so
    that whatever dies now, the next supervisor finds it. Raises `OSError` if the program cannot be started.
    """

    def register() -> None:  # runs in the child; this process has one thread, so that is safe
        try:
            write_json(run.trainer, ProcessIdentity.of(os.getpid()).as_json())
        except OSError as error:
            sys.stderr.write(f"The trainer could not write {run.trainer}: {error.strerror}.\n")
            sys.stderr.flush()
            os._exit(_CANNOT_REGISTER)

    with append_privately(run.trainer_log) as log:
        process = subprocess.Popen(
            [*program, str(run.config)],
            cwd=run.path,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            pass_fds=holding,
            preexec_fn=register,
        )
    return Child(process)
