"""Long-lived child processes: started in process groups of their own, told from strangers, ended as a group."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

#: How far two readings of one process's start time may lie apart; the system clock moves a little.
SAME_START_SECONDS: Final = 2.0
KILL_SECONDS: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, told apart from a later one with the same number by when it started (seconds since 1970)."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """Of a living process; raises `psutil.NoSuchProcess`."""
        return cls(pid, psutil.Process(pid).create_time())

    def is_alive(self) -> bool:
        """Whether this very process runs. Killed but not reaped by its parent is dead."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < SAME_START_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def group(self) -> list[psutil.Process]:
        """The living processes of the group that this process leads, or led before it died."""
        members = []
        for process in psutil.process_iter():
            try:
                ours = os.getpgid(process.pid) == self.pid and process.create_time() > self.started - SAME_START_SECONDS
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    members.append(process)
            except (ProcessLookupError, psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return members


def start(command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a program as the leader of a session of its own, so that no Ctrl-C reaches it but through us.

    On Linux it gets SIGTERM when the calling thread's process dies, however it dies. Its output goes to a new `log`,
    readable by the owner only; the log of the last time is kept beside it as `<log>.1`.
    """
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    # Looked up before the fork: between fork and exec next to nothing is safe to call.
    die_with_parent: Callable[[], object] | None = None
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        die_with_parent = lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)  # noqa: E731
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    finally:
        os.close(descriptor)


def _never() -> bool:
    return False


def end(process: ProcessId, *, grace: float, hurry: Callable[[], bool] = _never) -> bool:
    """End a process and its group: SIGTERM to the leader, which ends its own children in order; after `grace` seconds,
    or as soon as `hurry()`, SIGKILL to all that is left. False if nothing of it was alive. Returns when all are dead.
    """
    if not process.is_alive() and not process.group():
        return False
    if process.is_alive():
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
            os.kill(process.pid, signal.SIGCONT)  # a stopped one could not end
        _wait(lambda: not process.is_alive(), grace, hurry)
    for sign, seconds in ((signal.SIGTERM, min(grace, KILL_SECONDS)), (signal.SIGKILL, KILL_SECONDS)):
        members = process.group()
        for member in members:
            with suppress(psutil.NoSuchProcess):
                member.send_signal(sign)
        _wait(lambda: not process.group(), seconds if members else 0, hurry if sign == signal.SIGTERM else _never)
    return True


def _wait(condition: Callable[[], bool], seconds: float, hurry: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline and not hurry():
        time.sleep(0.05)
