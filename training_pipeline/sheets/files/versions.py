"""Earlier versions of sheets kept as files: `versions/<id>@<digest>/` holds a sheet as it was when replaced."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.infra.files import sync
from training_pipeline.sheets.files.source import FileTrainingSheets, digest_of

FOLDER: Final = "versions"
#: A version as people name it: the sheet's id and the first 12 digits of its digest.
VERSION: Final = re.compile(r"(?P<id>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})@[0-9a-f]{12}")


def keep_version(directory: Path, sheet_id: str) -> str | None:
    """Keep the sheet in `directory` as it is, and return the name of the version. Writes links where it can.

    Null, and nothing kept, where the sheet cannot be read: it never was one. Keeping it twice changes nothing.
    """
    try:
        files = FileTrainingSheets([directory]).files(sheet_id)
        name = f"{sheet_id}@{digest_of(files)[:12]}"
    except PipelineError:
        return None
    kept = directory / FOLDER / name
    if kept.is_dir():
        return name
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".", dir=kept.parent))
    try:
        for file in (files.head_file, files.data):
            source = file.resolve()  # a link to a file stays what it leads to now
            try:
                os.link(source, made / file.name)
            except OSError:
                shutil.copyfile(source, made / file.name)
                (made / file.name).chmod(0o600)
        made.rename(kept)
        sync(kept.parent)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return name


def versions(directories: list[Path], sheet_id: str) -> list[tuple[str, Path]]:
    """The kept versions of a sheet with their folders, the newest first. Reads only."""
    found = [
        path
        for directory in directories
        for path in (directory / FOLDER).glob(f"{sheet_id}@*")
        if (match := VERSION.fullmatch(path.name)) and match["id"] == sheet_id and path.is_dir()
    ]
    found.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [(path.name, path) for path in found]
