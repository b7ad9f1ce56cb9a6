"""How the files of a Delta or Iceberg table are called: which of them say what the table has."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final, Literal

from training_pipeline.domain.bucket_location import CATALOG, BucketLocation, parse_location
from training_pipeline.uploads.remote.copying import Stat, refused

Kind = Literal["delta", "iceberg"]
_COMMIT: Final = re.compile(r"(?P<version>\d{20})\.json")
_CHECKPOINT: Final = re.compile(r"(?P<version>\d{20})\.checkpoint(?:\.(?P<part>\d{10})\.(?P<parts>\d{10}))?\.parquet")
_NEW_CHECKPOINT: Final = re.compile(r"(?P<version>\d{20})\.checkpoint\.[0-9a-f-]{36}\.(?:json|parquet)")
_METADATA: Final = re.compile(r"(?:v(?P<v>\d+)|(?P<number>\d+)-[0-9a-f-]{36})(?:\.gz)?\.metadata\.json")


def version_files(location: BucketLocation, names: Collection[str], version: str | None) -> list[str]:
    """The files of a Delta log that make a version: the last whole checkpoint up to it, and what came after.

    Without a version it is the latest. Raises `InvalidRequest` for one that is no version of this table.
    """
    commits = {int(found["version"]): found[0] for name in names if (found := _COMMIT.fullmatch(name))}
    if any(_NEW_CHECKPOINT.fullmatch(name) for name in names):
        raise refused(location, "unknown_layout", "has checkpoints in the V2 format, which are not read")
    checkpoints = _checkpoints(names)
    known = sorted({*commits, *checkpoints})
    if version is not None and not version.isdecimal():
        raise refused(location, "unknown_version", "a version of a Delta table is a whole number")
    if not known or (version is not None and not known[0] <= int(version) <= known[-1]):
        there = f"it has {known[0]} to {known[-1]}" if known else "its log is empty"
        raise refused(location, "unknown_version", f"has no version {version or 'at all'}; {there}")
    last = known[-1] if version is None else int(version)
    start = max((one for one in checkpoints if one <= last), default=None)
    later = [name for number, name in sorted(commits.items()) if number <= last and (start is None or number >= start)]
    return [*(checkpoints[start] if start is not None else ()), *later]


def metadata_files(location: BucketLocation, found: Sequence[Stat]) -> BucketLocation:
    """The newest metadata file of an Iceberg table; raises `InvalidRequest` where that cannot be told.

    Only a catalog knows for certain. Where two files have the highest number, none of them is taken.
    """
    numbers: dict[int, list[str]] = {}
    for stat in found:
        if match := _METADATA.fullmatch(stat.url.rpartition("/")[2]):
            numbers.setdefault(int(match["v"] or match["number"]), []).append(stat.url)
    newest = numbers[max(numbers)] if numbers else []
    if len(newest) != 1:
        why = "holds no metadata of an Iceberg table" if not newest else "two metadata files have the highest number"
        raise refused(location, "unclear", f"{why}; name the file …/metadata/….metadata.json that your catalog names")
    return parse_location(newest[0], this_machine=True)


def table_name(location: BucketLocation) -> str:
    """What a table is called: its folder, also where its metadata file was named; in a catalog its own name."""
    if location.scheme == CATALOG:
        return location.key.rpartition(".")[2]
    parts = location.key.split("/")
    if parts[-1].endswith(".metadata.json"):
        parts = parts[:-2] if parts[-2:-1] == ["metadata"] else parts[:-1]
    return parts[-1] if parts else location.bucket


def _checkpoints(names: Collection[str]) -> dict[int, list[str]]:
    """The checkpoints all of whose parts are there, by version."""
    parts: dict[tuple[int, int], list[str]] = {}
    for name in sorted(names):
        if match := _CHECKPOINT.fullmatch(name):
            parts.setdefault((int(match["version"]), int(match["parts"] or 1)), []).append(name)
    return {version: files for (version, count), files in parts.items() if len(files) == count}
