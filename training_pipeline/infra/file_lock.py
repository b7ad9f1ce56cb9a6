"""Locks between processes of one machine, which the kernel releases when their last holder dies, however it dies.

A lock (flock) belongs to an open file, and a child that is given the file's descriptor holds it too. So a lock tells
whether a process or anything it started still lives, where a process id could only tell about one process and may be
recycled; a zombie holds nothing. Lock files are never removed: that would let two processes in.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training_pipeline.domain.errors import Conflict, NotFound


def try_lock(path: Path) -> int | None:
    """The descriptor that holds the lock of `path`, or None if another one holds it. Creates the file.

    Close the descriptor to release the lock. It is not inherited by children unless it is passed to them.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def hold(path: Path, *, wait: bool = True, shared: bool = False) -> Iterator[None]:
    """Hold the lock of a file, beside other shared holders where `shared`. Creates the file.

    Waits for as long as another holder has it, also one in this process; with `wait=False` raises `Conflict` instead.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor, path, wait=wait, shared=shared)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def hold_directory(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a directory, which is there when it is held. Creates nothing.

    Raises `NotFound` where there is no directory, also one that was removed while this waited; with `wait=False` raises
    `Conflict` where another holder has it.
    """
    while True:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"There is no directory '{path.name}' any more.") from None
        try:
            _wait_for(descriptor, path, wait=wait)
            if _is_at(descriptor, path):
                yield
                return
        finally:
            os.close(descriptor)


def _wait_for(descriptor: int, path: Path, *, wait: bool, shared: bool = False) -> None:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise Conflict(f"Another process holds the lock {path}.") from None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_held(path: Path) -> bool:
    """Whether anyone holds the lock of `path` exclusively. Writes nothing: a missing file is a free lock.

    It holds a free lock for an instant itself.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
