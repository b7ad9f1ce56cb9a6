"""What the program prints, which is the log of its run: lines of its own, and of libraries only who spoke, and where.

No text of a pair and no secret is in it. What a library says can quote a pair, so its messages are left out.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import resource
import sys
import threading
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

from .errors import scrubbed_traceback

#: Variables with which a program may be given a secret.
SECRETS: Final = ("HF_TOKEN", "DATABRICKS_TOKEN", "DATABRICKS_CLIENT_SECRET")
#: The variable that tells a process of several that train together who started it.
LAUNCHER: Final = "TRAINING_PIPELINE_LAUNCHER"
#: A shorter text is no token, and may be part of any word.
_SHORTEST_SECRET: Final = 8
_LEFT_OUT: Final = "(message left out: it could quote a pair)"


def say(line: str) -> None:
    """Print a line of ours with the time. Whoever calls puts no text of a pair into it; may be a signal handler.

    Of processes that train together only the first prints.
    """
    if LAUNCHER in os.environ and os.environ.get("RANK", "0") != "0":
        return
    log(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}\n")


def log(text: str) -> None:
    """Append `text`, in which is no text of a pair, to the log, without secrets; a full disk ends nothing here."""
    # Not through `sys.stderr`: it cannot be written to while it is being written to, and keeps what it could not write.
    with contextlib.suppress(OSError):
        os.write(2, without_secrets(text).encode())


def hush_libraries() -> None:
    """From now on libraries print no messages in this process: of log records, warnings and errors the place stays."""
    logging.setLogRecordFactory(_Wordless)
    warnings.showwarning = _warned
    sys.excepthook = lambda _, error, __: _died(error)
    threading.excepthook = lambda told: _died(told.exc_value)
    sys.unraisablehook = lambda told: _died(told.exc_value)


def peak_memory_mb() -> float:
    """The most memory that this process has had, in MB."""
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


class Masked(io.TextIOBase):
    """Passes text on without the tokens that this process was given."""

    def __init__(self, to: TextIO) -> None:
        self._to = to

    def write(self, text: str) -> int:
        """Write the text, masked."""
        self._to.write(without_secrets(text))
        return len(text)

    def flush(self) -> None:
        """Flush what it passes on to."""
        self._to.flush()

    def fileno(self) -> int:
        """The file of what it passes on to, for whoever starts a process."""
        return self._to.fileno()


def without_secrets(text: str) -> str:
    """The text without the tokens that this process was given, should a library's error quote one."""
    for name in SECRETS:
        if len(secret := os.environ.get(name, "").strip()) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


class _Wordless(logging.LogRecord):
    """A log record whose message is where it comes from."""

    def __init__(self, name: str, level: int, pathname: str, lineno: int, *_: Any, **__: Any) -> None:
        said = f"{logging.getLevelName(level)} of {name} in {Path(pathname).name}, line {lineno} {_LEFT_OUT}"
        super().__init__(name, level, pathname, lineno, said, None, None)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del message, file, line
    say(f"{category.__name__} in {Path(filename).name}, line {lineno} {_LEFT_OUT}")


def _died(error: BaseException | None) -> None:
    if error is not None:
        sys.stderr.write(scrubbed_traceback(error))
