"""Hashes of datasets that may be compared with each other and with their sheet: under one key, or under none.

Two hashes may be compared where they have the same key; where one has none and the key of the other can be read; and
where the text of a dataset is still there: line *n* of `train.jsonl` is the *n*-th row of the manifest with that split.
Everything else is *not known*: never "equal" and never "different".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training_pipeline.datasets.erased import erased
from training_pipeline.datasets.lost_manifest import lost_manifest
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import HashKey, HashKeys
from training_pipeline.domain.refs import DatasetRef

#: What stands for the rows of a dataset on either side.
_SIDES: Final = ("train", "validation")


@dataclass(frozen=True, slots=True)
class Space:
    """What hashes are under: a key, by its id, or none. `key` is None too where it cannot be read."""

    key_id: str | None
    key: HashKey | None

    @property
    def is_of_sheets(self) -> bool:
        """Whether the text of a sheet can be hashed like this."""
        return self.key_id is None or self.key is not None


PLAIN: Final = Space(None, None)


def space_of(dataset: DatasetRef, keys: HashKeys) -> Space:
    """What the hashes in the manifest of a dataset are under."""
    return PLAIN if dataset.hash_key is None else Space(dataset.hash_key, keys.read(dataset.hash_key))


def common_space(datasets: Sequence[DatasetRef], keys: HashKeys, *, sheet: bool = False) -> Space | None:
    """What all of these datasets, and with `sheet` also the text of a sheet, can be hashed alike under.

    None where there is no such thing: whether their texts are the same is not known. Of several the one that most of
    the datasets have already. Looks at no row.
    """
    stored = [space_of(one, keys) for one in datasets]
    candidates = sorted({*stored, PLAIN}, key=lambda one: (-stored.count(one), one.key_id or ""))
    for space in candidates:
        if sheet and not space.is_of_sheets:
            continue
        if all(_can_be(one, its, space) for one, its in zip(datasets, stored, strict=True)):
            return space
    return None


def with_sheet(dataset: DatasetRef, keys: HashKeys) -> Space | None:
    """What a dataset and the text of a sheet can be hashed alike under; None where that is not known."""
    return common_space([dataset], keys, sheet=True)


def rows_in(dataset: DatasetRef, space: Space | None, keys: HashKeys, columns: Sequence[str]) -> pa.Table:
    """The rows that were trained or validated on, with these columns of the manifest and `comparable_hash`.

    That is null in every row where there is no space. Raises `Unavailable` where the manifest cannot be read, and where
    the text is not what is on record.
    """
    wanted = list(dict.fromkeys([*columns, "row_hash", "split"]))
    try:
        with pq.ParquetFile(dataset.manifest_file) as file:
            rows = file.read(columns=wanted).select(wanted)
    except FileNotFoundError as error:
        raise lost_manifest(dataset.manifest_file, "it is gone") from error
    except (OSError, KeyError, pa.ArrowException) as error:
        raise lost_manifest(dataset.manifest_file, error) from error
    rows = rows.filter(pc.is_valid(rows["split"]))
    hashes: pa.Array | pa.ChunkedArray
    if space is None:
        hashes = pa.nulls(len(rows), pa.string())
    else:
        stored = space_of(dataset, keys)
        plain = stored.key_id is None
        hashes = rows["row_hash"] if plain or stored.key_id == space.key_id else from_text(dataset, rows["split"])
        if space.key_id is not None and stored.key_id != space.key_id:
            hashes = under(hashes, space.key)
    return rows.select(list(columns)).append_column("comparable_hash", hashes)


def under(hashes: pa.Array | pa.ChunkedArray, key: HashKey | None) -> pa.Array:
    """Hashes without a key under one; null stays null."""
    if key is None:
        raise AssertionError("there is a key to hash under")
    found = hashes.drop_null().to_pylist()
    made = iter(key.of_all(found))
    return pa.array([None if one is None else next(made) for one in hashes.to_pylist()], pa.string())


def has_text(dataset: DatasetRef) -> bool:
    """Whether the text of a dataset is there. Looks at no byte of it."""
    return erased(dataset.path) is None and dataset.train_file.is_file() and dataset.validation_file.is_file()


def from_text(dataset: DatasetRef, split: pa.ChunkedArray) -> pa.Array:
    """For each row of these splits, in the order of the manifest, the hash of its text without a key.

    Raises `Unavailable` where the text is gone, or is not what is on record.
    """
    lines = {
        side: _line_hashes(dataset, path, sha256)
        for side, path, sha256 in (
            ("train", dataset.train_file, dataset.train_sha256),
            ("validation", dataset.validation_file, dataset.validation_sha256),
        )
    }
    sides = split.to_pylist()
    if any(sides.count(side) != len(lines[side]) for side in _SIDES):
        raise _other_text(dataset)
    following = {side: iter(found) for side, found in lines.items()}
    return pa.array([next(following[side]) for side in sides], pa.string())


def _line_hashes(dataset: DatasetRef, path: Path, sha256: str) -> list[str]:
    whole = hashlib.sha256()
    found = []
    try:
        with path.open("rb") as file:
            for line in file:
                whole.update(line)
                found.append(hashlib.sha256(line.rstrip(b"\n")).hexdigest())
    except OSError as error:
        raise _other_text(dataset) from error
    if whole.hexdigest() != sha256:
        raise _other_text(dataset)
    return found


def _other_text(dataset: DatasetRef) -> Unavailable:
    return Unavailable(
        f"The text of dataset {dataset.path} is gone, or is not what is on record.",
        hint="Restore it from a backup, or retry the job: the dataset is then prepared again from its sheet.",
    )


def _can_be(dataset: DatasetRef, stored: Space, wanted: Space) -> bool:
    if stored.key_id == wanted.key_id:
        return True
    return wanted.is_of_sheets and (stored.key_id is None or has_text(dataset))


def registered(engine: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """Have rows under a name in an engine, with `comparable_hash` as their `row_hash`."""
    names = ["row_hash" if one == "comparable_hash" else one for one in rows.column_names]
    engine.register(name, rows.rename_columns(names))
