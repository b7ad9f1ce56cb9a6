"""Files: their digest, their end, and writing them so that a reader sees the old one or the new one, never half of one.

Only the standard library is imported: the supervisors of local runs, of which many may wait, stand on this module.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

#: What is read of a log's end; a log may be huge.
_END_BYTES: Final = 64 * 1024


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_file(path: Path, content: bytes) -> None:
    """Replace `path`, readable by its owner only. On disk when this returns; raises `OSError` and changes nothing else.

    Several processes may write the same path: the last one wins, whole.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
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
