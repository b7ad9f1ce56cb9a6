"""Logs of runs: written for their owner alone, and their end fit to be shown in an error."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO, Final

from training_pipeline.backends.logs import LogPart
from training_pipeline.infra.files import end_of

LINES: Final = 20
CHARACTERS: Final = 2000

_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SECRETS: Final = (
    (re.compile(r"(?<=://)[^\s/@]+@"), "***@"),
    (re.compile(r"\b(?:hf_|dapi|sk-)[A-Za-z0-9_-]{8,}"), "***"),
    (re.compile(r"(?i)\b(bearer|token|password|secret|api[_-]?key)(\s*[=:]\s*|\s+)(?=\S*\d)\S{8,}"), r"\1\2***"),
)


def append_privately(path: Path) -> BinaryIO:
    """`path` open for appending, made readable by its owner only where it is new."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def read_log(path: Path, offset: int | None, *, limit: int, ended: bool) -> LogPart:
    """At most `limit` bytes of whole lines from `offset` on, or the last ones; a line that is longer comes in pieces.

    A line that is not finished is left for the next call, unless the run has `ended`. Cleaned as `log_tail` does.
    Reads only.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - limit) if offset is None else min(offset, size)
            file.seek(start)
            read = file.read(limit)
            if offset is None and start > 0:  # from the start of a line on
                skipped = read.find(b"\n") + 1
                read, start = read[skipped:], start + skipped
    except FileNotFoundError:
        return LogPart(text="", offset=0, next_offset=0, size=0)
    whole = read.rfind(b"\n") + 1
    is_last = ended and start + len(read) == size
    if is_last or (whole == 0 and len(read) == limit):
        whole = len(read)
    lines = read[:whole].decode("utf-8", errors="replace").replace("\r\n", "\n").split("\n")
    return LogPart(text="\n".join(map(_clean, lines)), offset=start, next_offset=start + whole, size=size)


def log_tail(path: Path) -> str:
    """The last lines of `path`, at most `LINES` and `CHARACTERS`; "" where there is no log.

    Of a line that was overwritten (a progress bar) only its last state stays; colours, control characters and what
    looks like a password or a token are taken out. That it holds no text of pairs is the promise of whoever writes it.
    """
    # More is read than is shown, as progress bars are dropped.
    lines = (_clean(line) for line in end_of(path).replace("\r\n", "\n").split("\n"))
    tail = "\n".join([line for line in lines if line][-LINES:])
    return tail if len(tail) <= CHARACTERS else "…" + tail[1 - CHARACTERS :]


def _clean(line: str) -> str:
    line = _ANSI.sub("", line.rstrip().rsplit("\r", 1)[-1])
    line = _UNPRINTABLE.sub("", line)
    for pattern, replacement in _SECRETS:
        line = pattern.sub(replacement, line)
    return line
