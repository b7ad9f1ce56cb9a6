"""Long-lived processes: started in process groups of their own, told from strangers, ended as a group; and limits."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psutil

#: Where only the wall clock tells when a process started, two readings may differ by this many seconds. No system goes
#: round all its process ids within that time.
START_TOLERANCE: Final = 2.0
KILL_SECONDS: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1
#: Looked up before any fork: between fork and exec next to nothing is safe to call.
_prctl: Final = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
_GONE: Final = frozenset({psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD})


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """Which process exactly: its id, which is recycled, with its start, and its session.

    On Linux the start is told by the kernel's id of this boot and its ticks since then, so that it stays the same when
    the clock is set; elsewhere, and in records of version 0.1.0, by seconds since 1970. What was not noted or could not
    be told is null.
    """

    pid: int
    started: float
    session: int | None = None
    boot: str | None = None
    ticks: int | None = None

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """The process that has `pid` now; raises `psutil.NoSuchProcess` where there is none."""
        started, session = psutil.Process(pid).create_time(), None
        with suppress(ProcessLookupError, PermissionError):
            session = os.getsid(pid)
        return cls(pid, started, session, _boot(), _ticks(pid))

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> ProcessIdentity | None:
        """What `as_json` made; null for null."""
        if value is None:
            return None
        known = {name: value[name] for name in ("session", "boot", "ticks") if value.get(name) is not None}
        return cls(int(value["pid"]), float(value["started"]), **known)

    def as_json(self) -> dict[str, Any]:
        """The identity as plain JSON values."""
        return asdict(self)

    def is_alive(self) -> bool:
        """Whether this very process lives. A zombie is dead, and so is a process whose id another one has now."""
        try:
            process = psutil.Process(self.pid)
            return self._is(process) and process.status() not in _GONE
        except psutil.NoSuchProcess:
            return False

    def group(self) -> list[psutil.Process]:
        """The living processes of the group that this process leads, or led before it died."""
        if self._was_followed():
            return []
        members = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError, PermissionError):
                if self._leads(process) and process.status() not in _GONE:
                    members.append(process)
        return members

    def kill_group(self) -> None:
        """Kill (SIGKILL) whatever lives of the group that this process leads or led. Returns at once; idempotent."""
        if self.group():
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def _leads(self, process: psutil.Process) -> bool:
        """Whether `process` is in the group of this one, and not in one that was given the same number later."""
        if os.getpgid(process.pid) != self.pid:
            return False
        if self.session is not None and self.session != self.pid:
            return os.getsid(process.pid) == self.session
        # A session that bears the leader's own number tells nothing: a later leader would have one of that number too.
        if self.ticks is not None:
            return self.boot == _boot() and (_ticks(process.pid) or 0) >= self.ticks
        return process.create_time() > self.started - START_TOLERANCE

    def _was_followed(self) -> bool:
        """Whether another process has the number now, which no system gives away while a group still bears it."""
        try:
            return not self._is(psutil.Process(self.pid))
        except psutil.NoSuchProcess:
            return False

    def _is(self, process: psutil.Process) -> bool:
        if self.ticks is not None:
            return self.boot == _boot() and _ticks(process.pid) == self.ticks
        return abs(process.create_time() - self.started) <= START_TOLERANCE


def _boot() -> str | None:
    """The kernel's id of this boot; null where it tells none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _ticks(pid: int) -> int | None:
    """When a process started, in the kernel's ticks since the boot; null where it is gone or the kernel tells none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])  # the 22nd field, after a name that may hold anything


def keep_last(log: Path) -> None:
    """Make room for a new `log`: the one of the last time is kept beside it as `<log>.1`."""
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))


def open_log(log: Path) -> int:
    """The descriptor of a log that is added to, and that only its owner can read."""
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def end_with_parent() -> None:
    """On Linux, have this process get SIGTERM when the thread that started it dies, however it dies."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def start(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a program as the leader of a session of its own, so that no Ctrl-C reaches it but through us.

    On Linux it gets SIGTERM when the calling thread's process dies, however it dies. Its output goes to a new `log`,
    readable by the owner only; the log of the last time is kept beside it as `<log>.1`.
    """
    keep_last(log)

    def in_child() -> None:
        # A shell that starts us in the background has us ignore Ctrl-C. Dagster gives SIGTERM the same handler (1.13,
        # `setup_interrupt_handlers`), so a child that inherited this could not be asked to end.
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, signal.SIG_DFL)
        end_with_parent()

    descriptor = open_log(log)
    try:
        return subprocess.Popen(
            command,
            env=dict(environment),
            stdin=stdin,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            preexec_fn=in_child,
        )
    finally:
        os.close(descriptor)


def _never() -> bool:
    return False


def end(process: ProcessIdentity, *, grace: float, hurry: Callable[[], bool] = _never) -> bool:
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


def allow_descriptors(count: int) -> None:
    """Raise this process's limit of open files and connections to this number, or as far as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
