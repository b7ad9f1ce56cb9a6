"""Whether the files that are trained on are those of the record."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .errors import TrainingFailed

#: More links one behind the other no file system follows.
_MOST_LINKS: Final = 40


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex. A copy of `infra.files.sha256`: this program imports nothing of ours."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_sha256(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in `folder` under its relative name; hidden files and folders aside."""
    files = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name.as_posix(): sha256(path)
        for name, path in files.items()
        if not any(part.startswith(".") for part in name.parts)
    }


def folder_stamp(folder: Path) -> frozenset[tuple[str, int, int, int]]:
    """What changes where a file in `folder`, or a link on the way to one, is written or exchanged, be it that it is
    put back. Reads no file.
    """
    files = (path for path in folder.rglob("*") if not path.is_dir())
    return frozenset(step for path in (folder, *files) for step in _way(path))


def _way(path: Path) -> Iterator[tuple[str, int, int, int]]:
    """Each directory, link and file that lies on the way to what `path` leads to, and when it was changed.

    A directory is changed by its neighbours too, so of those it is only which one it is.
    """
    at, ahead, links = Path(path.anchor), list(path.parts[1:]), 0
    while ahead and links < _MOST_LINKS:
        at = Path(os.path.normpath(at / ahead.pop(0)))
        try:
            found = at.lstat()
        except OSError:  # there is nothing: whoever loads it says so
            return
        changed = 0 if stat.S_ISDIR(found.st_mode) else found.st_ctime_ns
        yield str(at), found.st_dev, found.st_ino, changed
        if stat.S_ISLNK(found.st_mode):
            links += 1
            target = at.readlink()
            at = Path(target.anchor) if target.is_absolute() else at.parent
            ahead = [*target.parts[1 if target.is_absolute() else 0 :], *ahead]


@contextmanager
def unchanged(what: str, folder: Path) -> Iterator[None]:
    """Raise `TrainingFailed` where `folder` was changed while this lasted: what was hashed is what was loaded."""
    before = folder_stamp(folder)
    yield
    if folder_stamp(folder) != before:
        raise TrainingFailed(
            "base_model_changed",
            f"{what} {folder} was changed while it was compared with the record and loaded. Nothing was done with it: "
            "find out what changed it, then try again.",
            recurs=False,
        )


def refuse_other_file(name: str, path: Path, expected: str | None, found: str) -> None:
    """Raise `TrainingFailed` if the SHA-256 of the file `path` was `expected` to be another one."""
    if expected is not None and found != expected:
        raise TrainingFailed(
            "file_changed",
            f"{name} {path} is not the file that was recorded for this training: its SHA-256 is {found}, and "
            f"{expected} was expected. Nothing was trained on it: find out what changed it, then retry the job.",
        )


def refuse_other_base_model(folder: Path, expected: Mapping[str, str] | None) -> None:
    """Raise `TrainingFailed` if the files in `folder` are not `expected`, by name and SHA-256. Reads only."""
    if expected is None:
        return
    found = folder_sha256(folder)
    changed = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    if changed:
        raise TrainingFailed(
            "base_model_changed",
            f"base_model {folder} is not the model that was recorded for this training (changed, added or gone: "
            f"{_shown(changed)}): restore these files, or create a new job.",
        )


def refuse_base_model_of_another_start(
    base_model: str, before: Mapping[str, str] | None, found: Mapping[str, str] | None
) -> None:
    """Raise `TrainingFailed` if files of a base model are not what they were `before`, by SHA-256."""
    changed = sorted(name for name, digest in (before or {}).items() if (found or {}).get(name) != digest)
    if changed:
        raise TrainingFailed(
            "base_model_changed",
            f"base_model {base_model} is not what this training began with (changed or gone: {_shown(changed)}): "
            "restore these files, or create a new job.",
        )


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
