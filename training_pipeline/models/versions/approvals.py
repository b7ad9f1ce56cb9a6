"""Who allowed the rows of a dataset: how many each steward reviewed and set the constraints of. Reads its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.infra.sql_literal import literal

_GROUPS: Final = """
SELECT nullif(trim({column}), '') AS who, count(*) AS pairs FROM read_parquet({manifest}) WHERE split IS NOT NULL
GROUP BY who ORDER BY pairs DESC, who
"""


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
    import duckdb

    from training_pipeline.datasets.store import manifest_sha256

    manifest = dataset.manifest_file
    try:
        if manifest_sha256(manifest) != dataset.manifest_sha256:
            raise _unreadable(dataset, "its rows are not those that were recorded")
        with duckdb.connect() as engine:
            groups = {
                column: engine.execute(_GROUPS.format(column=column, manifest=literal(manifest))).fetchall()
                for column in ("reviewed_by", "constraints_set_by")
            }
    except (OSError, ValueError, duckdb.Error) as error:
        raise _unreadable(dataset, "it is gone" if not manifest.exists() else str(error)) from error
    reviewed, set_by = groups["reviewed_by"], groups["constraints_set_by"]
    return Approvals(
        pairs=sum(count for _, count in reviewed),
        reviewed_by=_named(reviewed),
        reviewed_missing=_missing(reviewed),
        constraints_set_by=_named(set_by),
        constraints_missing=_missing(set_by),
    )


def _named(rows: list[tuple[str | None, int]]) -> tuple[Steward, ...]:
    return tuple(Steward(name, count) for name, count in rows if name is not None)


def _missing(rows: list[tuple[str | None, int]]) -> int:
    return sum(count for name, count in rows if name is None)


def _unreadable(dataset: DatasetRef, why: str) -> Unavailable:
    return Unavailable(
        f"The manifest {dataset.manifest_file} cannot be used: {why}.",
        hint="Restore it from a backup: what a model was trained on is recorded nowhere else.",
    )
