"""Forked processes that live on when the one that they were forked off dies."""

from __future__ import annotations

import os
from contextlib import suppress
from multiprocessing import popen_forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from typing import Final

import psutil

from training_pipeline.infra.processes import ProcessIdentity

#: What Python takes for the exit code where the process that it was to be read from is gone.
_UNKNOWN: Final = 255


class _Popen(popen_forkserver.Popen):
    """Python takes all that was forked off a process for dead when that process dies; here each is looked at."""

    _identity: ProcessIdentity | None = None

    def _launch(self, process_obj: BaseProcess) -> None:
        super()._launch(process_obj)  # type: ignore[misc]  # not in its stub
        with suppress(psutil.NoSuchProcess):  # it has ended by now
            self._identity = ProcessIdentity.of(self.pid)

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        code = super().poll(flag)
        if code == _UNKNOWN and self._identity is not None and self._identity.is_alive():
            self.returncode = code = None
        return code


class RunProcess(ForkServerProcess):
    """A process that is alive for as long as it runs, whatever becomes of the one that it was forked off."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> popen_forkserver.Popen:  # noqa: N802 - Python's name
        return _Popen(process_obj)


class RunContext(ForkServerContext):
    """Python's way to fork off a process that has imported all, with `RunProcess` for its processes."""

    Process = RunProcess
