"""What can be known of a folder in a volume without reading its files: their names, sizes and times."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Final

from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.errors import PipelineError

#: A folder with more files than this is no model.
_MOST_FILES: Final = 10_000


def listing_digest(connection: Connection, folder: str) -> str | None:
    """SHA-256 (hex) over the relative name, size and time of modification of every file in `folder` of a volume.

    None where it cannot be listed, holds no file or more than a model has. Reads; never raises.
    """
    lines: list[str] = []
    try:
        with connection.calling(f"list {folder}"):
            for line in _lines(connection, folder.rstrip("/")):
                lines.append(line)
                if len(lines) > _MOST_FILES:
                    return None
    except PipelineError:
        return None
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest() if lines else None


def _lines(connection: Connection, root: str) -> Iterator[str]:
    folders = [root]
    while folders:
        for entry in connection.client().files.list_directory_contents(folders.pop()):
            path = entry.path or ""
            if entry.is_directory:
                folders.append(path.rstrip("/"))
            else:
                yield json.dumps([path.removeprefix(f"{root}/"), entry.file_size, entry.last_modified])
