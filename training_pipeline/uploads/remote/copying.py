"""Copies files out of a bucket, counted as they come in, and refuses one that is changed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.bucket_location import BadLocation, BucketLocation, may_be_read
from training_pipeline.domain.errors import FieldProblem, InvalidRequest, PipelineError, Unavailable
from training_pipeline.infra.files import new_private_file

#: The field of a request that names a location.
POINTER: Final = "/url"
#: Files of one table.
MOST_FILES: Final = 10_000
_BLOCK: Final = 2**20


class Stat(BaseModel):
    """One file in a bucket, as it is at this moment. What the bucket does not say is empty."""

    model_config = ConfigDict(frozen=True)

    url: str
    bytes: int
    etag: str = ""
    version: str = ""


class Bucket:
    """What may be read of the file system that holds `home`, up to `most` bytes in all."""

    def __init__(self, filesystem: Any, home: BucketLocation, allowed: tuple[BucketLocation, ...], most: int) -> None:
        self._files = filesystem
        self._home = home
        self._allowed = allowed
        self._most = most
        self.copied = 0

    def stat(self, location: BucketLocation) -> Stat | None:
        """The file at a location; null where there is none. Raises `InvalidRequest` for one that may not be read."""
        self._check(location)
        with _reading(location):
            try:
                found = self._files.info(location.path)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return _stat(location, found) if found.get("type") == "file" else None

    def files_in(self, folder: BucketLocation) -> list[Stat]:
        """The files right in a folder, by name; none where there is no such folder. Raises as `stat` does."""
        self._check(folder)
        with _reading(folder):
            try:
                listed = self._files.ls(folder.path, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
        found = []
        for entry in listed:
            name = str(entry["name"]).rstrip("/").rpartition("/")[2]
            try:
                place = folder.at(name)
            except BadLocation:
                continue
            if entry.get("type") == "file" and place != folder:
                found.append(_stat(place, entry))
        return sorted(found, key=lambda stat: stat.url)

    def copy(self, location: BucketLocation, target: Path) -> Stat:
        """Copy a file as `target`, readable by its owner only.

        Raises `InvalidRequest` where it may not be read, is not there or is too much, and `Unavailable` where it was
        changed meanwhile.
        """
        before = self.stat(location)
        if before is None:
            raise refused(location, "not_found", "there is no such file or table")
        if self.copied + before.bytes > self._most:
            raise self._too_much(location)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _reading(location), open(new_private_file(target), "wb") as written:  # noqa: PTH123 - a descriptor
            with self._files.open(location.path, "rb", block_size=8 * _BLOCK, cache_type="readahead") as opened:
                while block := opened.read(_BLOCK):
                    self.copied += len(block)
                    if self.copied > self._most:
                        raise self._too_much(location)
                    written.write(block)
            size = written.tell()
        if self.stat(location) != before or size != before.bytes:
            raise Unavailable(f"{location} was changed while it was read.", hint="Try again.")
        return before

    def _check(self, location: BucketLocation) -> None:
        if not may_be_read(location, self._allowed):
            raise not_allowed(location)
        # A path is one of this file system alone: in another one, or another account, it is somebody else's.
        if (location.scheme, location.account) != (self._home.scheme, self._home.account):
            raise refused(location, "elsewhere", f"lies in another store than {self._home}")

    def _too_much(self, location: BucketLocation) -> InvalidRequest:
        return refused(location, "too_large", f"comes to more than {self._most:,} bytes; import it in parts")


def not_allowed(location: BucketLocation) -> InvalidRequest:
    """The error for a location that no prefix covers."""
    hint = "TRAINING_PIPELINE_IMPORT_FROM names what may be read with this machine's credentials."
    problem = FieldProblem(POINTER, "not_allowed", f"{location} lies below none of the prefixes that may be read")
    return InvalidRequest("The location cannot be imported from.", hint=hint, problems=[problem])


def refused(location: BucketLocation, code: str, why: str) -> InvalidRequest:
    """The error for a location that cannot be read as it is."""
    problem = FieldProblem(POINTER, code, f"{location}: {why}")
    return InvalidRequest("The location cannot be imported from.", problems=[problem])


def _stat(location: BucketLocation, info: Mapping[str, Any]) -> Stat:
    etag = next((info[name] for name in ("ETag", "etag") if info.get(name)), "")
    version = next((info[name] for name in ("VersionId", "generation", "version_id") if info.get(name)), "")
    return Stat(
        url=str(location), bytes=int(info.get("size") or 0), etag=str(etag).strip('"'), version=_version(str(version))
    )


def _version(said: str) -> str:
    return "" if said == "null" else said


@contextmanager
def _reading(location: BucketLocation) -> Iterator[None]:
    """Whatever the library of a provider raises, as an error that names the location and quotes nothing."""
    try:
        yield
    except (PipelineError, FileNotFoundError, NotADirectoryError, MemoryError):
        raise
    except PermissionError:
        raise refused(location, "forbidden", "may not be read with this machine's credentials") from None
    except Exception as error:  # noqa: BLE001 - of the provider's library, in any class of its own
        name = type(error).__name__
        if "Credential" in name or "Authentication" in name:
            hint = "Set them as the provider's own tools expect them, where training_pipeline runs."
            raise InvalidRequest(f"This machine has no valid credentials for {location}.", hint=hint) from None
        raise Unavailable(f"{location} cannot be read ({name}).", hint="Try again.") from None
