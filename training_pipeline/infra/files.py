"""Files: their digest, their end, and writing them so that a reader sees the old one or the new one, never half of one.

Only the standard library is imported: the supervisors of local runs, of which many may wait, stand on this module.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

#: The size above which the logs of long-lived processes are rotated.
ROTATED_BYTES: Final = 32 * 2**20
#: What is read of a log's end; a log may be huge.
_END_BYTES: Final = 64 * 1024


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unlike(folder: Path, hashes: Mapping[str, str]) -> list[tuple[str, bool]]:
    """The files in `folder` that are not there or have another SHA-256, by name, and whether each is there.

    `hashes` are those expected, by paths within the folder. Reads every byte.
    """
    return [
        (name, (folder / name).is_file())
        for name, expected in sorted(hashes.items())
        if not (folder / name).is_file() or sha256(folder / name) != expected
    ]


class NotAFile(Exception):
    """What stands under the name is no regular file; the message says what it is."""


def read_at_most(path: Path, most: int) -> bytes:
    """The first `most` bytes of a regular file or of what a link leads to; raises `NotAFile`, or `OSError`.

    Returns at once whatever stands under the name: a pipe or a device is not even opened.
    """
    _must_be_a_file(path.stat().st_mode)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # it may have become a pipe meanwhile
    with os.fdopen(descriptor, "rb") as file:
        _must_be_a_file(os.fstat(descriptor).st_mode)
        return file.read(most)


def is_file(path: Path) -> bool:
    """Whether `path` is or leads to a regular file; false too where it cannot be looked at, for whatever cause."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for some causes


def _must_be_a_file(mode: int) -> None:
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    if not stat.S_ISREG(mode):
        raise NotAFile(f"is {kinds.get(stat.S_IFMT(mode), 'a device')}; expected a file")


def replace_file(path: Path, content: bytes) -> None:
    """Replace `path`, readable by its owner only. On disk when this returns; raises `OSError` and changes nothing else.

    Several threads and processes may write the same path: the last one wins, whole.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def new_private_file(path: Path) -> int:
    """A descriptor of a new file that only its owner may read and write; raises `FileExistsError`."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def sync(path: Path) -> None:
    """Have a file, or the names in a directory, on disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rotate(path: Path, *, most: int = ROTATED_BYTES) -> bool:
    """Move the content of a log of more than `most` bytes to `<path>.1`, in the place of what was there.

    Whoever has it open to append goes on at its beginning; what is written at that moment may be lost. False, and
    nothing is changed, if it is smaller, or there is no room for the copy.
    """
    try:
        if path.stat().st_size <= most:
            return False
        kept, fresh = path.with_name(f"{path.name}.1"), path.with_name(f"{path.name}.new")
        shutil.copy2(path, fresh)
        fresh.replace(kept)
        os.truncate(path, 0)
    except OSError:
        return False
    return True


def end_of(path: Path) -> str:
    """The last 64 KiB of a text file, what is no UTF-8 in it replaced; "" where there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _END_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def tail(path: Path, lines: int) -> str:
    """The last lines of a text file, of which at most 64 KiB are read; "" where there is no file."""
    return "\n".join(end_of(path).splitlines()[-lines:])
