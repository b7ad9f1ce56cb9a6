"""Uploaded files until they are a training sheet: `uploads/<id>/` each, readable by their owner only, for an hour."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from training_pipeline.domain.errors import NotFound, PipelineError, Unavailable
from training_pipeline.infra.files import new_private_file, replace_file
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.origin import Origin
from training_pipeline.uploads.turns import upload_turns

ID: Final = r"^up-[0-9a-f]{32}$"
_UNWANTED: Final = re.compile(r"[^\w.() +-]")
_LONGEST_NAME: Final = 120
_RECORD: Final = "upload.json"


class UploadTooLarge(PipelineError):
    """A file is larger than one upload, or with the caller's others than all of them, may be."""

    code = "upload_too_large"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was received whole."""

    id: str
    owner: str
    file: Path
    #: Where it was fetched from; null for what somebody sent.
    origin: Origin | None = None

    @property
    def folder(self) -> Path:
        """Where it is, and where what is made of it may be."""
        return self.file.parent


class Receiving:
    """A file that is coming in. It is counted while it is written, and refused where it becomes too much."""

    def __init__(self, upload: Upload, opened: BinaryIO, limits: UploadLimits, used: int) -> None:
        self.upload = upload
        self._opened = opened
        self._limits = limits
        self._used = used
        self._size = 0

    def write(self, block: bytes) -> None:
        """Write the next bytes; raises `UploadTooLarge`."""
        self._size += len(block)
        if self._size > self._limits.bytes:
            raise UploadTooLarge(
                f"The file is larger than {self._limits.bytes:,} bytes.",
                hint="Upload it in parts, or use `training-pipeline sheets import` on the server.",
            )
        if self._used + self._size > self._limits.user_bytes:
            raise UploadTooLarge(
                f"Your uploads would take more than {self._limits.user_bytes:,} bytes together.",
                hint="What is not made into a training sheet is deleted after an hour.",
            )
        self._opened.write(block)

    @property
    def left(self) -> int:
        """How many bytes may still come in."""
        return max(0, min(self._limits.bytes, self._limits.user_bytes - self._used) - self._size)

    def fetched(self, origin: Origin) -> None:
        """Put on record that the file was not sent, but fetched from there."""
        record = {"owner": self.upload.owner, "origin": origin.model_dump(mode="json")}
        replace_file(self.upload.folder / _RECORD, json.dumps(record).encode())


class Uploads:
    """The uploads of one installation, in one directory. Safe from several threads."""

    def __init__(self, directory: Path, limits: UploadLimits) -> None:
        self.limits = limits
        self._directory = directory
        self._turns = upload_turns(limits.at_once, wait_seconds=limits.seconds)

    def turn(self, owner: str, *, waits: bool = False) -> AbstractContextManager[None]:
        """While one upload is received or read; raises `TooManyUploads` where too many are, after a wait if `waits`."""
        return self._turns.of(owner, waits=waits)

    @contextmanager
    def receive(self, owner: str, name: str) -> Iterator[Receiving]:
        """A new upload to write; nothing of it stays if the block raises, as it does for a dropped connection."""
        upload_id = f"up-{secrets.token_hex(16)}"
        folder = self._directory / upload_id
        try:
            self.sweep()
            used = sum(_size(other) for other in self._folders() if _owner(other) == owner)
            folder.mkdir(parents=True, mode=0o700)
            self._directory.chmod(0o700)
            replace_file(folder / _RECORD, json.dumps({"owner": owner}).encode())
            file = folder / safe_name(name)
            with open(new_private_file(file), "wb") as opened:  # noqa: PTH123 - a descriptor
                yield Receiving(Upload(upload_id, owner, file), opened, self.limits, used)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise Unavailable(f"An upload cannot be written: {error.strerror}.", hint="Try again.") from None
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def get(self, upload_id: str, owner: str) -> Upload:
        """An upload of this owner; raises `NotFound` for one that is somebody else's, too. Reads only."""
        folder = self._directory / upload_id
        if re.fullmatch(ID, upload_id) and _owner(folder) == owner and not self._is_old(folder):
            files = [
                path for path in _inside(folder) if path.is_file() and path.name != _RECORD and path.name[0] != "."
            ]
            if len(files) == 1:
                return Upload(upload_id, owner, files[0], _origin(folder))
        raise no_upload(upload_id)

    def delete(self, upload: Upload) -> None:
        """Delete an upload with all that was made on the way. Idempotent."""
        shutil.rmtree(upload.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Delete every upload that is older than an hour."""
        for folder in self._folders():
            if self._is_old(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def _is_old(self, folder: Path) -> bool:
        try:
            return time.time() - (folder / _RECORD).stat().st_mtime > self.limits.kept_seconds
        except OSError:  # it is being made, or deleted
            try:
                return time.time() - folder.stat().st_mtime > self.limits.kept_seconds
            except OSError:
                return False

    def _folders(self) -> list[Path]:
        return [path for path in _inside(self._directory) if re.fullmatch(ID, path.name) and path.is_dir()]


def no_upload(upload_id: str) -> NotFound:
    """The error for an upload that is not there, or not the caller's."""
    return NotFound(f"There is no upload '{upload_id}' of yours.", hint="It is kept for an hour: upload it again.")


def safe_name(name: str) -> str:
    """A file's name without the folders that a browser may send, and without what a file system minds."""
    last = _UNWANTED.sub("_", re.split(r"[/\\]", name)[-1]).strip(". ")
    if last == _RECORD or not last:
        return "upload"
    stem, dot, suffix = last.rpartition(".")
    while len(last.encode()) > _LONGEST_NAME:
        stem = stem[:-1] if dot else ""
        last = f"{stem}{dot}{suffix}" if stem else last[: _LONGEST_NAME // 4]
    return last


def _owner(folder: Path) -> str | None:
    owner = _record(folder).get("owner")
    return owner if isinstance(owner, str) else None


def _origin(folder: Path) -> Origin | None:
    origin = _record(folder).get("origin")
    return None if origin is None else Origin.model_validate(origin)


def _record(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / _RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _inside(folder: Path) -> list[Path]:
    """What is in a folder; nothing where it is gone."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
