"""The files of a version, one at a time, for whoever may use it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from training_pipeline.domain.errors import Conflict, NotFound, PipelineError
from training_pipeline.models.versions import files
from training_pipeline.models.versions.usable import require_usable
from training_pipeline.training_jobs.store.events import EventType

if TYPE_CHECKING:
    from training_pipeline.backends.base import FineTuningBackend
    from training_pipeline.models.versions.usable import OfVersion, RiskAccepted
    from training_pipeline.models.versions.versions import ModelVersions
    from training_pipeline.training_jobs.store.jobs import JobStore

_PIECE: Final = 2**20
#: So many files are named where an unknown one was asked for.
_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class Download:
    """A file that may be read: its name, its size and SHA-256 (hex) as registered. It is read while it is iterated."""

    name: str
    size: int
    sha256: str
    _file: Path

    def __iter__(self) -> Iterator[bytes]:
        """The pieces. Raises `Conflict` in the place of the last one where the file is not what was registered."""
        digest = hashlib.sha256()
        with _opened(self._file, self.name) as file:
            held = b""
            while piece := file.read(_PIECE):
                digest.update(piece)
                if held:
                    yield held
                held = piece
        if digest.hexdigest() != self.sha256:
            raise _changed(self.name)
        yield held


class Downloads:
    """Opens files that are on this machine. Each is an event of the version's job: who has the weights is on record."""

    def __init__(
        self, store: JobStore, backend: FineTuningBackend, versions: ModelVersions, risk_accepted: RiskAccepted
    ) -> None:
        self._store, self._backend, self._versions, self._risk_accepted = store, backend, versions, risk_accepted

    def problem(self, version: OfVersion) -> str | None:
        """Why the files of a version may not be downloaded; None where they may. Reads only."""
        try:
            require_usable(version, self._risk_accepted)
        except PipelineError as error:
            return error.message
        return None

    def open(self, name: str, version: str, path: str, *, actor: str) -> Download:
        """A file of the version, by its path on record.

        Raises `NotFound` with the files there are; `Tainted` for a version that is withdrawn, or tainted without a
        decision that accepts the risk; `Conflict` where it is not finished, or the file is not here or not its own.
        """
        subject = self._versions.subject(name, version)
        require_usable(subject, self._risk_accepted)
        named = f"{name} version {version}"
        hashes = subject.record.model_files or {}
        # Only what is on record: a path that leads elsewhere is no file of it.
        if path not in hashes:
            known = sorted(hashes)
            more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
            raise NotFound(f"{named} has no file {path!r}.", hint=f"It has {', '.join(known[:_NAMED])}{more}.")
        where = files.place(self._backend, subject.job, name, version)
        if where.folder is None:
            raise Conflict(f"{named} cannot be downloaded: {where.unreadable}", hint="Load it where its files are.")
        file = where.folder / path
        if not file.resolve().is_relative_to(where.folder.resolve()):
            raise _changed(path)
        with _opened(file, path) as there:
            size = os.fstat(there.fileno()).st_size
        message = f"Downloaded {path} of {named}."
        self._store.record(subject.job.id, EventType.INFO, message, actor=actor, data={"downloaded": path})
        return Download(path, size, hashes[path], file)


@contextmanager
def _opened(file: Path, path: str) -> Iterator[IO[bytes]]:
    """The file, which has to be one and ours: no link, no pipe, nobody else's."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _changed(path) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        os.close(descriptor)
        raise _changed(path)
    with os.fdopen(descriptor, "rb") as opened:
        yield opened


def _changed(path: str) -> Conflict:
    return Conflict(f"{path} is gone or is not what was registered.", hint="Restore its files from a backup.")
