"""Single rows of manifests: where the index says they are, or wherever they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.datasets.lost_manifest import lost_manifest
from training_pipeline.domain.uses import RowKind
from training_pipeline.models.uses.keys import COLUMNS

#: What an answer says of a row, beside what it was found by.
SHOWN: Final = ("pair_id", "row_hash", "item_ref", "canonical_label_id")


def rows_at(manifest: Path, places: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows at these places, in their order. Reads only row groups that have one of them.

    Raises `Unavailable` where the manifest cannot be read or ends before a place.
    """
    ordered = sorted(set(places))
    found: dict[int, dict[str, Any]] = {}
    try:
        with pq.ParquetFile(manifest) as file:
            start = 0
            for group in range(file.num_row_groups):
                end = start + file.metadata.row_group(group).num_rows
                here = [place for place in ordered if start <= place < end]
                if here:
                    rows = file.read_row_group(group, columns=list(columns), use_threads=False)
                    chosen = rows.take(pa.array([place - start for place in here])).to_pylist()
                    found.update(zip(here, chosen, strict=True))
                start = end
    except (OSError, pa.ArrowException) as error:
        raise lost_manifest(manifest, error) from error
    if len(found) < len(ordered):
        raise lost_manifest(manifest, f"it has {start:,} rows, and row {ordered[-1]:,} was indexed")
    return [found[place] for place in places]


def rows_with(manifest: Path, kind: RowKind, values: Collection[str]) -> list[dict[str, Any]]:
    """The rows of a manifest with one of these names or hashes, wherever they are. Reads a column of all of it.

    Raises `Unavailable` where the manifest cannot be read.
    """
    column = COLUMNS[kind][0]
    matches = f"list_contains($values, {column})"
    if kind == "question_hash":
        matches = f"list_has_any(string_split(replace({column}, '+', ''), ' '), $values)"
    try:
        with duckdb.connect() as engine:
            parameters = {"path": str(manifest), "values": sorted(values)}
            query = f"SELECT {', '.join(SHOWN)} FROM read_parquet($path) WHERE {matches}"  # noqa: S608 - our own names
            return list(engine.execute(query, parameters).to_arrow_table().to_pylist())
    except duckdb.Error as error:
        raise lost_manifest(manifest, error) from error


def kept_for(manifest: Path, kind: RowKind, values: Collection[str]) -> list[tuple[str, str]]:
    """The pairs and splits of the rows that ask the same as duplicates with one of these names: one of them was kept
    for each. None in manifests without hashes of questions. Raises `Unavailable` where the manifest cannot be read.
    """
    column = COLUMNS[kind][0]
    query = f"""
        SELECT DISTINCT kept.pair_id, kept.split FROM read_parquet($path) AS kept JOIN read_parquet($path) AS named
        ON kept.prompt_hash = named.prompt_hash AND kept.split IS NOT NULL AND named.reason = 'duplicate'
        AND list_contains($values, named.{column}) ORDER BY 1
    """  # noqa: S608 - our own names
    try:
        if "prompt_hash" not in pq.read_schema(manifest).names:
            return []
        with duckdb.connect() as engine:
            return engine.execute(query, {"path": str(manifest), "values": sorted(values)}).fetchall()
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise lost_manifest(manifest, error) from error


def nearest(manifests: Sequence[Path], kind: RowKind, value: str, *, count: int = 3) -> list[str]:
    """The names in these manifests that are most like `value`, the nearest first; few or none where none is near."""
    column = COLUMNS[kind][0]
    query = f"""
        SELECT name FROM (
            SELECT DISTINCT {column} AS name FROM read_parquet($paths, union_by_name = true) WHERE {column} IS NOT NULL
        ) WHERE jaro_winkler_similarity(name, $value) >= 0.8
        ORDER BY jaro_winkler_similarity(name, $value) DESC, name LIMIT {int(count)}
    """  # noqa: S608 - our own names
    try:
        with duckdb.connect() as engine:
            parameters = {"paths": [str(path) for path in manifests], "value": value}
            return [name for (name,) in engine.execute(query, parameters).fetchall()]
    except duckdb.Error:  # it is only advice
        return []
