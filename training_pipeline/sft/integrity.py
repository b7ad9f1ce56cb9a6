"""Whether the files that are trained on are those of the record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from .errors import TrainingFailed


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


def refuse_other_file(name: str, path: Path, expected: str | None, found: str) -> None:
    """Raise `TrainingFailed` if the SHA-256 of the file `path` was `expected` to be another one. Pure."""
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
        shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        raise TrainingFailed(
            "base_model_changed",
            f"base_model {folder} is not the model that was recorded for this training (changed, added or gone: "
            f"{shown}): restore these files, or create a new job.",
        )
