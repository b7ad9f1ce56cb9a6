"""`python -m training_pipeline.uploads.remote.copy OUTCOME` fetches files with this machine's credentials.

It is the only process that speaks to a bucket, and it parses nothing: what it fetches is read by others.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.bucket_location import BucketLocation, parse_location
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.process import Failure, answer_task
from training_pipeline.uploads.remote.copying import MOST_FILES, Bucket, Stat, refused
from training_pipeline.uploads.remote.filesystems import open_filesystem
from training_pipeline.uploads.remote.layout import Kind, metadata_files, version_files

PROGRAM = "training_pipeline.uploads.remote.copy"


class CopyTask(BaseModel):
    """Fetch what a URL names: a file as `<folder>/<name>`, or what says of a table which files it has.

    With `files` those are fetched, each as the path in `folder` that stands beside it. `allowed` are the prefixes, and
    `most` is what may be fetched in all.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    folder: Path
    allowed: tuple[str, ...]
    most: int
    limits: UploadLimits
    version: str | None = None
    files: dict[str, str] | None = None


class Copied(BaseModel):
    """What was fetched: a file, or a table that begins at the file `start`."""

    model_config = ConfigDict(frozen=True)

    kind: Kind | Literal["file"] = "file"
    start: Stat | None = None
    bytes: int = 0
    failure: Failure | None = None


def copied(task: CopyTask, bucket: Bucket) -> Copied:
    """Do a task with what may be read of a bucket."""
    location = _parsed(task.url)
    if task.files is not None:
        for url, name in task.files.items():
            bucket.copy(_parsed(url), task.folder / name)
        return Copied(bytes=bucket.copied)
    if location.key.endswith(".metadata.json"):
        return _iceberg(location, task, bucket)
    if bucket.stat(location) is not None:
        if task.version is not None:
            raise refused(location, "no_table", "is a file; only a table has versions to choose from")
        return Copied(start=bucket.copy(location, task.folder / "file"), bytes=bucket.copied)
    if log := bucket.files_in(location.at("_delta_log")):
        return _delta(location, log, task, bucket)
    if hints := bucket.files_in(location.at("metadata")):
        return _iceberg(metadata_files(location, hints), task, bucket)
    raise refused(location, "not_found", "there is no such file or table")


def _delta(location: BucketLocation, log: list[Stat], task: CopyTask, bucket: Bucket) -> Copied:
    names = {stat.url.rpartition("/")[2] for stat in log}
    wanted = version_files(location, names, task.version)
    if len(wanted) > MOST_FILES:
        raise refused(location, "too_many_files", f"its log has more than {MOST_FILES:,} files; write a checkpoint")
    for name in wanted:
        bucket.copy(location.at(f"_delta_log/{name}"), task.folder / "_delta_log" / name)
    return Copied(kind="delta", bytes=bucket.copied)


def _iceberg(metadata: BucketLocation, task: CopyTask, bucket: Bucket) -> Copied:
    return Copied(kind="iceberg", start=bucket.copy(metadata, task.folder / "start"), bytes=bucket.copied)


def _parsed(url: str) -> BucketLocation:
    return parse_location(url, this_machine=True)


def _done(task: CopyTask) -> Copied:
    allowed = tuple(parse_location(one, whole_bucket=True, this_machine=True) for one in task.allowed)
    home = _parsed(task.url)
    return copied(task, Bucket(open_filesystem(home), home, allowed, task.most))


def main(arguments: list[str]) -> int:
    """Read the task, do it, and write its outcome."""
    return answer_task(arguments, CopyTask, _done, lambda failure: Copied(failure=failure))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
