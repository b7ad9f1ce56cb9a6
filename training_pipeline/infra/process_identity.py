"""Which process exactly: a process id is recycled, a process id with its start time is not."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import psutil

#: Two looks at the same process may differ by this many seconds: Linux derives start times from a boot time that moves
#: when the clock is set. No system goes round all its process ids within that time.
START_TOLERANCE: Final = 2.0

_GONE: Final = frozenset({psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD})


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process: its id, its start in seconds since 1970, and the session it belongs to."""

    pid: int
    started: float
    session: int

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """The process that has `pid` now; raises `psutil.NoSuchProcess`, or `ProcessLookupError`, if there is none."""
        return cls(pid=pid, started=psutil.Process(pid).create_time(), session=os.getsid(pid))

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> ProcessIdentity | None:
        """What `as_json` made; None for None. Pure."""
        if value is None:
            return None
        return cls(pid=int(value["pid"]), started=float(value["started"]), session=int(value["session"]))

    def as_json(self) -> dict[str, Any]:
        """The identity as plain JSON values. Pure."""
        return asdict(self)


def is_alive(identity: ProcessIdentity) -> bool:
    """Whether this very process lives. A zombie is dead, and so is a process whose id another one has now."""
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.started) <= START_TOLERANCE
        return same and process.status() not in _GONE
    except psutil.NoSuchProcess:
        return False


def group_members(leader: ProcessIdentity) -> list[int]:
    """The ids of the living processes in the group that `leader` led, itself included.

    The leader may be dead: the session tells its group from one that was given the same number later.
    """
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            same = os.getpgid(process.pid) == leader.pid and os.getsid(process.pid) == leader.session
            if same and process.status() not in _GONE:
                members.append(process.pid)
    return members


def kill_group(leader: ProcessIdentity) -> None:
    """Kill (SIGKILL) whatever lives of the group that `leader` led. Returns at once; idempotent."""
    if group_members(leader):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)
