"""One of the processes that train a model together: `python -m training_pipeline.sft --rank CONFIG.json MEETING_PLACE`.

Started by `launch`, and ends with it, however that dies. All of them do what one process would; the first writes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

from .config import read
from .distributed.ranks import join, lost_another
from .endings import fail
from .environment import importing, set_environment
from .errors import INTERRUPTED, SUCCEEDED
from .output import LAUNCHER, Masked
from .program import carry_out
from .run_dir import RunDir, Status
from .stop import SharedStop

_PR_SET_PDEATHSIG: Final = 1


def main(arguments: list[str]) -> int:
    """Train together with the others; 0 for an end that the run directory tells."""
    os.umask(0o077)
    _die_with_parent()
    if os.environ.get(LAUNCHER) != str(os.getppid()):  # it is dead already
        return INTERRUPTED
    config = read(Path(arguments[0]))
    run = RunDir(config.run_dir, int(os.environ["RANK"]))
    with contextlib.redirect_stderr(Masked(sys.stderr)):
        try:
            set_environment([config.base_model])
            with importing():
                ranks = join(Path(arguments[1]), dict(os.environ))
            carry_out(config, run, Status.of(run), SharedStop(run.stop, run.patient), ranks)
        except Exception as error:  # noqa: BLE001  # the outermost place: every ending is told
            # The first that fails tells, and none that only saw another one go.
            return INTERRUPTED if lost_another(error) or not run.may_tell() else fail(run, error)
    return SUCCEEDED


def _die_with_parent() -> None:
    """What goes on without the launcher would be a training that nobody watches."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
