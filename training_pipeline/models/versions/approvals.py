"""Who allowed the rows of a dataset: how many each steward reviewed and set the constraints of. Reads its manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.refs import DatasetRef

_COLUMNS: Final = ("reviewed_by", "constraints_set_by")
#: A person, or nobody, and how many pairs.
_Count = tuple[str | None, int]


@dataclass(frozen=True, slots=True)
class Steward:
    """A person, and how many of the pairs in both splits are theirs."""

    name: str
    pairs: int


@dataclass(frozen=True, slots=True)
class Approvals:
    """Who reviewed the pairs of both splits, and who set their usage constraints; the most pairs first.

    Of the `missing` ones nobody is on record.
    """

    pairs: int
    reviewed_by: tuple[Steward, ...]
    reviewed_missing: int
    constraints_set_by: tuple[Steward, ...]
    constraints_missing: int


def approvals(dataset: DatasetRef) -> Approvals:
    """Count the stewards of a dataset. Raises `Unavailable` where its manifest is gone or is not what was recorded."""
    # To list versions, no manifest is read.
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from training_pipeline.datasets.store import manifest_sha256

    manifest = dataset.manifest_file
    try:
        if manifest_sha256(manifest) != dataset.manifest_sha256:
            raise _unreadable(dataset, "its rows are not those that were recorded")
        with pq.ParquetFile(manifest) as file:
            rows = file.read(columns=["split", *_COLUMNS])
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _unreadable(dataset, "it is gone" if not manifest.exists() else str(error)) from error
    kept = rows.filter(pc.is_valid(rows["split"]))
    groups = {column: _counted(pc.value_counts(pc.utf8_trim(kept[column], " ")).to_pylist()) for column in _COLUMNS}
    reviewed, set_by = groups["reviewed_by"], groups["constraints_set_by"]
    return Approvals(
        pairs=sum(count for _, count in reviewed),
        reviewed_by=_named(reviewed),
        reviewed_missing=_missing(reviewed),
        constraints_set_by=_named(set_by),
        constraints_missing=_missing(set_by),
    )


def _counted(found: Iterable[Mapping[str, Any]]) -> list[_Count]:
    """Who has how many, the most first; an empty name is nobody's."""
    counts: dict[str | None, int] = {}
    for one in found:
        who = one["values"] or None
        counts[who] = counts.get(who, 0) + one["counts"]
    return sorted(counts.items(), key=lambda count: (-count[1], count[0] or ""))


def _named(rows: list[_Count]) -> tuple[Steward, ...]:
    return tuple(Steward(name, count) for name, count in rows if name is not None)


def _missing(rows: list[_Count]) -> int:
    return sum(count for name, count in rows if name is None)


def _unreadable(dataset: DatasetRef, why: str) -> Unavailable:
    return Unavailable(
        f"The manifest {dataset.manifest_file} cannot be used: {why}.",
        hint="Restore it from a backup: what a model was trained on is recorded nowhere else.",
    )
