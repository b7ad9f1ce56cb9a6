"""Directories that appear whole or not at all, readable by their owner only."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.files import sync

#: What these directories are called; nobody else calls one so.
_MADE: Final = re.compile(r"\.staging-[0-9a-f]{32}")
#: A staging directory younger than this may not have its lock yet.
_YOUNG_SECONDS: Final = 60.0


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn a full disk, or an engine without memory and disk to spill to, into `Unavailable`.

    Other errors of the engine pass: they may quote the sheet, and its source knows what to make of them.
    """
    try:
        yield
    except OSError as error:
        raise _unavailable(doing, str(error)) from error
    except duckdb.OutOfMemoryException:
        raise _unavailable(doing, "the engine has neither memory nor disk left") from None
    except duckdb.IOException as error:
        if not is_out_of_space(error):
            raise
        raise _unavailable(doing, "no space left on the device that the engine spills to") from None


def is_out_of_space(error: duckdb.IOException) -> bool:
    """Whether DuckDB could not write for want of room. Only its message says so: there is no code (DuckDB 1.5)."""
    said = str(error)
    return any(sign in said for sign in ("No space left", "Could not write all bytes", "File too large"))


def _unavailable(doing: str, why: str) -> Unavailable:
    return Unavailable(
        f"Cannot {doing}: {why}",
        hint="Free some disk space or memory (TRAINING_PIPELINE_DUCKDB_MEMORY_LIMIT) and try again. "
        "No partial files were left.",
    )


@contextmanager
def staging(root: Path) -> Iterator[Path]:
    """A new private directory inside `root` (made if need be, 0700) to be filled and published; removed otherwise.

    Also removes what killed processes left behind: a living one holds a lock on its directory.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(root)
    directory = _new(root)
    lock = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory
    finally:
        # Whatever cannot be removed now, or was never removed because the process died, the next sweep removes.
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def publish(staged: Path, final: Path, *, is_whole: Callable[[Path], bool]) -> None:
    """Rename `staged` to `final`, surviving a power cut. Where `final` is there and `is_whole`, it stays instead.

    A damaged `final` is replaced. Two processes may publish the same directory at once.
    """
    for path in [*staged.iterdir(), staged]:
        sync(path)
    while not _renamed(staged, final):
        if is_whole(final):
            return
        damaged = _new(final.parent)
        final.rename(damaged / "damaged")
        shutil.rmtree(damaged)
    sync(final.parent)


def _renamed(staged: Path, final: Path) -> bool:
    try:
        staged.rename(final)
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
            return False
        raise
    return True


def _new(root: Path) -> Path:
    directory = root / f".staging-{secrets.token_hex(16)}"
    directory.mkdir(mode=0o700)
    return directory


def _sweep(root: Path) -> None:
    for directory in [path for path in root.iterdir() if _MADE.fullmatch(path.name)]:
        try:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # its owner published or removed it at this moment, or it is no directory of ours
        try:
            if time.time() - os.fstat(descriptor).st_mtime < _YOUNG_SECONDS:
                continue
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
