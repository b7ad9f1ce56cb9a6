"""Earlier versions of sheets kept as files: `versions/<id>@<digest>/` holds a sheet as it was when replaced."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.infra.files import replace_file, sync
from training_pipeline.sheets.files.sheet_files import SheetFiles, digest_of
from training_pipeline.sheets.files.source import FileTrainingSheets

FOLDER: Final = "versions"
#: A version as people name it: the sheet's id and the first 12 digits of its digest.
VERSION: Final = re.compile(r"(?P<id>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})@[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Version:
    """A sheet as it is, about to be replaced."""

    name: str
    files: SheetFiles


def version_of(directory: Path, sheet_id: str) -> Version | None:
    """The sheet in `directory` as it is; null where it cannot be read, for then it is none. Reads only."""
    try:
        files = FileTrainingSheets([directory]).files(sheet_id)
        return Version(f"{sheet_id}@{digest_of(files)[:12]}", files)
    except PipelineError:
        return None


def keep(version: Version) -> None:
    """Keep a sheet that is about to be replaced: its head and its file of pairs, readable by their owner only.

    Whole or not at all, whatever stops this. A version that was kept before stays as it is.
    """
    files = version.files
    kept = files.head_file.parent / FOLDER / version.name
    if kept.is_dir():
        return
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".", dir=kept.parent))
    try:
        replace_file(made / files.head_file.name, files.head_bytes)
        _put(files.data, made / files.data.name)
        made.rename(kept)
        sync(kept.parent)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def versions(directories: list[Path], sheet_id: str) -> list[tuple[str, Path]]:
    """The kept versions of a sheet with their folders, the newest first. Reads only."""
    found = [
        path
        for directory in directories
        if (directory / FOLDER).is_dir()
        for path in (directory / FOLDER).iterdir()
        if (match := VERSION.fullmatch(path.name)) and match["id"] == sheet_id and path.is_dir()
    ]
    found.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [(path.name, path) for path in found]


def _put(data: Path, target: Path) -> None:
    """The file under a second name; a copy where the file system has no such names, or `data` is a link."""
    try:
        if data.is_symlink():  # what it leads to may change later
            shutil.copyfile(data, target)
        else:
            os.link(data, target)
    except OSError:
        shutil.copyfile(data, target)
    target.chmod(0o600)
    sync(target)
