"""The folders that trainings and evaluations leave in the volume: listed, looked into, removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from training_pipeline.databricks.workspace import Connection, Gone

if TYPE_CHECKING:
    from databricks.sdk.service.files import DirectoryEntry

#: The folder in which a run keeps a model that is not, or could not be, registered.
_MODEL: Final = "model"


class Kind(StrEnum):
    """What lies in a folder: a dataset, by its digest, or what the run of an attempt or of an evaluation left."""

    DATASET = "datasets"
    RUN = "runs"
    EVALUATION = "evaluations"


@dataclass(frozen=True, slots=True)
class Folder:
    """One dataset or run in the volume; `name` is its digest, or job id and attempt, or the id of an evaluation."""

    kind: Kind
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a folder: bytes in all its files, when the newest was written, and whether there is a model."""

    size: int
    newest: datetime
    has_model: bool


class VolumeFolders:
    """The folders of `volume`, as `main.ml.training`."""

    def __init__(self, connection: Connection, volume: str) -> None:
        self._connection = connection
        self._root = f"/Volumes/{volume.replace('.', '/')}/training_pipeline"
        self._grant = f"Grant READ VOLUME and WRITE VOLUME on {volume}"

    def folders(self) -> list[Folder]:
        """All datasets, runs and evaluations, by name. Reads."""
        return [
            Folder(kind, str(entry.name), str(entry.path).rstrip("/"))
            for kind in Kind
            for entry in sorted(self._entries(f"{self._root}/{kind}"), key=lambda entry: str(entry.name))
            if entry.is_directory
        ]

    def content(self, folder: Folder) -> Content:
        """What is in the folder. Reads."""
        files = [entry for entry in self._all(folder.path) if not entry.is_directory]
        newest = max((entry.last_modified or 0 for entry in files), default=0)
        model = any(str(entry.path).startswith(f"{folder.path}/{_MODEL}/") for entry in files)
        return Content(sum(entry.file_size or 0 for entry in files), datetime.fromtimestamp(newest / 1000, UTC), model)

    def remove(self, folder: Folder) -> None:
        """Delete the folder and all that is in it. Idempotent, also where it was interrupted."""
        entries = list(self._all(folder.path))
        files = [str(entry.path) for entry in entries if not entry.is_directory]
        inner = sorted((str(entry.path).rstrip("/") for entry in entries if entry.is_directory), key=len, reverse=True)
        client = self._connection.client().files
        for path in files:
            self._gone(path, lambda path=path: client.delete(path))  # type: ignore[misc]
        for path in [*inner, folder.path]:
            self._gone(path, lambda path=path: client.delete_directory(path))  # type: ignore[misc]

    def _gone(self, path: str, delete: Callable[[], None]) -> None:
        try:
            with self._connection.calling(f"remove {path}", grant=self._grant):
                delete()
        except Gone:
            return

    def _all(self, path: str) -> Iterator[DirectoryEntry]:
        for entry in self._entries(path):
            yield entry
            if entry.is_directory:
                yield from self._all(str(entry.path).rstrip("/"))

    def _entries(self, path: str) -> list[DirectoryEntry]:
        try:
            with self._connection.calling(f"list {path}", grant=self._grant):
                return list(self._connection.client().files.list_directory_contents(path))
        except Gone:
            return []
