"""From a URL to an upload: fetched by a process with this machine's credentials, a table read by one without any.

Nothing is fetched but from below the prefixes that the installation allows, and nothing is left of a failure.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from training_pipeline.domain.bucket_location import CATALOG, BadLocation, BucketLocation, may_be_read, parse_location
from training_pipeline.domain.errors import FieldProblem, InvalidRequest, SheetUnreadable
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.origin import Origin, fetched_now
from training_pipeline.uploads.process import UploadNotRead, answer_of, died, error_of
from training_pipeline.uploads.remote import catalog, copy, tables
from training_pipeline.uploads.remote.catalog import CatalogTask, InCatalog
from training_pipeline.uploads.remote.copy import Copied, CopyTask
from training_pipeline.uploads.remote.copying import POINTER, not_allowed
from training_pipeline.uploads.remote.iceberg import INDEX
from training_pipeline.uploads.remote.layout import Kind, table_name
from training_pipeline.uploads.remote.tables import TableRead, TableTask
from training_pipeline.uploads.staging import Upload, Uploads, safe_name

#: What the process that speaks to buckets is not given: our secrets, and what would make an account another one.
_WITHHELD: Final = (
    "TRAINING_PIPELINE_",
    "DAGSTER_",
    "MLFLOW_",
    "DATABRICKS_",
    "PG",
    "HF_",
    "AZURE_STORAGE_CONNECTION_STRING",
)
#: Rounds in which a table says what it needs: of Iceberg the manifest list, the manifests, the files, and then none.
_MOST_ROUNDS: Final = 5
_FOLDER: Final = ".table"
Answer = TypeVar("Answer", Copied, TableRead, InCatalog)


class Fetching:
    """Fetches into the uploads of one installation, from below these prefixes."""

    def __init__(self, uploads: Uploads, prefixes: Sequence[BucketLocation]) -> None:
        self._uploads = uploads
        self._prefixes = tuple(prefixes)

    def fetch(self, owner: str, url: str, *, version: str | None = None) -> Upload:
        """A file, or a table as one Parquet file, as an upload that says where it is from.

        Raises `InvalidRequest` for what may not be read or is not there, `UploadTooLarge` and `UploadNotRead` as an
        upload does, and `SheetUnreadable` for a table that cannot be read.
        """
        location = parsed(url)
        if not may_be_read(location, self._prefixes):
            raise not_allowed(location)
        with self._uploads.turn(owner):
            return self._fetched(owner, location, self._prefixes, version)

    def fetch_here(self, owner: str, url: str, *, version: str | None = None) -> Upload:
        """The same, for somebody at this machine: a table in one of its folders (`file:`) is read, too.

        Any catalog that this person has described to pyiceberg may be asked; what it names in a bucket must lie below
        the prefixes all the same.
        """
        location = parsed(url, this_machine=True)
        if location.scheme == CATALOG:
            return self._fetched(owner, location, self._prefixes, version, here=True)
        if location.scheme != "file":
            return self.fetch(owner, url, version=version)
        return self._fetched(owner, location, (location,), version)

    def _fetched(
        self,
        owner: str,
        location: BucketLocation,
        allowed: Sequence[BucketLocation],
        version: str | None,
        *,
        here: bool = False,
    ) -> Upload:
        with self._uploads.receive(owner, location.name) as receiving:
            begun = _Fetch(receiving.upload, receiving.left, self._uploads.limits, allowed, here=here)
            origin = begun.fetch(location, version)
            receiving.fetched(origin)
        return self._uploads.get(receiving.upload.id, owner)


class _Fetch:
    """One fetch: what it may still take of bytes and of time."""

    def __init__(
        self, upload: Upload, most: int, limits: UploadLimits, allowed: Sequence[BucketLocation], *, here: bool = False
    ) -> None:
        self._upload = upload
        self._left = most
        self._limits = limits
        # A table's files lie in buckets, whatever the catalog is that knows of it.
        self._allowed = tuple(one for one in allowed if one.scheme != CATALOG)
        self._here = here
        self._ends = time.monotonic() + limits.seconds
        self._folder = upload.folder / _FOLDER
        # Apart from our own files: who wrote a table chose the names of its files.
        self._staged = self._folder / "staged"
        self._fetched = 0

    def fetch(self, location: BucketLocation, version: str | None) -> Origin:
        """Put what was asked for in the place of the upload's file, which is empty."""
        self._folder.mkdir(mode=0o700)
        self._staged.mkdir(mode=0o700)
        try:
            home = self._in_catalog(location) if location.scheme == CATALOG else location
            begun = self._copy(home, version=version)
            if begun.kind == "file":
                if begun.start is None:
                    raise died(0, self._limits)
                (self._staged / "file").replace(self._upload.file)
                found = begun.start
                version = found.version or found.etag
                return fetched_now(found.url, "file", version=version, size=found.bytes, etag=found.etag)
            return self._table(location, home, begun.kind, version)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _in_catalog(self, named: BucketLocation) -> BucketLocation:
        """The metadata file of a table, as its catalog names it; of this machine only where somebody at it asks."""
        task = CatalogTask(catalog=named.bucket, table=named.key, limits=self._now())
        found = self._answered(catalog.PROGRAM, task, InCatalog, _with_credentials())
        metadata = parse_location(_named(found.metadata), this_machine=True)
        if self._here and metadata.scheme == "file":
            folder = metadata.key.rpartition("/metadata/")[0] or metadata.key
            self._allowed = (replace(metadata, key=folder),)
        elif not may_be_read(metadata, self._allowed):
            raise not_allowed(metadata)
        return metadata

    def _table(self, named: BucketLocation, location: BucketLocation, kind: Kind, version: str | None) -> Origin:
        target = self._upload.file.with_name(safe_name(f"{table_name(named)}.parquet"))
        rows = self._folder / "rows"
        index: dict[str, str] = {}
        for _ in range(_MOST_ROUNDS):
            task = TableTask(kind=kind, folder=self._staged, target=rows, limits=self._now(), version=version)
            read = self._answered(tables.PROGRAM, task, TableRead)
            if not read.lacking:
                self._upload.file.unlink()
                rows.chmod(0o600)
                rows.replace(target)
                return fetched_now(str(named), kind, version=read.version, size=self._fetched)
            if kind == "delta":
                self._copy(location, files={_below(location, name): name for name in read.lacking})
            else:
                new = {name: f"files/{number}" for number, name in enumerate(read.lacking, start=len(index))}
                self._copy(location, files={_named(name): path for name, path in new.items()})
                index |= new
                (self._staged / INDEX).write_text(json.dumps(index))
        raise SheetUnreadable("The table's files refer to too many other files.", hint="Rewrite the table.")

    def _copy(
        self, location: BucketLocation, *, version: str | None = None, files: dict[str, str] | None = None
    ) -> Copied:
        task = CopyTask(
            url=str(location),
            folder=self._staged,
            allowed=tuple(map(str, self._allowed)),
            most=self._left,
            limits=self._now(),
            version=version,
            files=files,
        )
        done = self._answered(copy.PROGRAM, task, Copied, _with_credentials())
        self._left -= done.bytes
        self._fetched += done.bytes
        return done

    def _answered(
        self, program: str, task: BaseModel, model: type[Answer], environment: dict[str, str] | None = None
    ) -> Answer:
        answer = answer_of(program, task, self._folder, limits=self._now(), environment=environment)
        try:
            done = model.model_validate_json(answer)
        except ValidationError:
            raise died(0, self._limits) from None
        if done.failure is not None:
            raise error_of(done.failure, self._limits)
        return done

    def _now(self) -> UploadLimits:
        """The limits, with the time that is left."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise UploadNotRead(f"It was not fetched within {self._limits.seconds:g} seconds.", hint="Try again.")
        return self._limits.model_copy(update={"seconds": left})


def _with_credentials() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD)}


def parsed(url: str, *, this_machine: bool = False) -> BucketLocation:
    """The location that a URL names; raises `InvalidRequest`."""
    try:
        return parse_location(url, this_machine=this_machine, catalog=True)
    except BadLocation as error:
        problem = FieldProblem(POINTER, "invalid", str(error))
        raise InvalidRequest("The location cannot be imported from.", problems=[problem]) from None


def _below(table: BucketLocation, name: str) -> str:
    """The location of a table's file; raises `SheetUnreadable` for a name that is none."""
    try:
        return str(table.at(name))
    except BadLocation as error:
        raise SheetUnreadable(f"The table names a file whose location {error}.", hint="Rewrite the table.") from None


def _named(location: str) -> str:
    """A location that a table names; raises `SheetUnreadable` for what is none."""
    try:
        return str(parse_location(location, this_machine=True))
    except BadLocation as error:
        raise SheetUnreadable(f"The table names a file whose location {error}.", hint="Rewrite the table.") from None


def place_of(path: Path) -> str | None:
    """The `file:` URL of a folder of this machine that is a Delta or Iceberg table; null for what is none. Reads."""
    if path.is_dir() and ((path / "_delta_log").is_dir() or (path / "metadata").is_dir()):
        return f"file://{path.absolute()}"
    return None
