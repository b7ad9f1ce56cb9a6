"""The training program, started before there is anything to train: it imports everything, then waits for the word.

`--wait DESCRIPTOR BASE_MODEL CONFIG.json`. The descriptor is an end of a pipe whose other end is held by the starter.
One byte is the word, and the configuration is read then; the end of the pipe means that nothing will be trained. Until
the word nothing is read but libraries, and nothing is written.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

from . import program
from .environment import set_environment
from .errors import SUCCEEDED

_PR_SET_PDEATHSIG: Final = 1


def main(arguments: list[str]) -> int:
    """Wait, then train as `program.main` does, and return its exit code; 0 where no word came."""
    descriptor, base_model, *config = arguments
    set_environment([base_model])
    program.imported()
    word = os.read(int(descriptor), 1)
    os.close(int(descriptor))
    if not word:
        return SUCCEEDED
    _outlive_parent()
    return program.main(config)


def _outlive_parent() -> None:
    """Go on where whoever started this dies. Until the word it ends with them: nothing would be lost."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, 0)
