"""The examples in the text of a stored dataset, as hashes of what they are compared by. Reads only."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training_pipeline.datasets.comparable_hashes import has_text
from training_pipeline.datasets.judging import copies_plan, known_plan
from training_pipeline.datasets.text_hashes import stored_pair
from training_pipeline.domain.hash_key import MARKS
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.sheets.engine import DUCKDB_SQL, DuckDB
from training_pipeline.sheets.plan import Plan

_SCHEMA: Final = PAIR_SCHEMA.to_pyarrow()


class Said(NamedTuple):
    """What a row shows and asks, as hashes without a key."""

    #: The whole example in normal form, then those that its turns show.
    shown: tuple[str, ...]
    #: Its questions, also those of its latest turns.
    asked: frozenset[str]


def said(row: Mapping[str, str | None]) -> Said | None:
    """What a row of `known_plan` shows and asks; None where it has no messages."""
    if not row["shown"]:
        return None
    asked = frozenset(one.lstrip(MARKS) for one in (row["asked"] or "").split())
    return Said(tuple(row["shown"].split()), asked)


def stored_examples(dataset: DatasetRef, row_hashes: Collection[str]) -> dict[str, Said]:
    """What rows show and ask, by the hash that the manifest has of each; of these rows, as far as their text is there.

    Raises `OSError` or `pa.ArrowException` where a file cannot be read, `ValueError` where it is not what it should be.
    """
    found = _worked_out(dataset, row_hashes, known_plan(DUCKDB_SQL))
    return {one["pair_id"]: told for one in found if (told := said(one)) is not None}


def stored_copies(dataset: DatasetRef, row_hashes: Collection[str]) -> dict[str, str]:
    """What the rows are copies by, in the same way: see `copies_plan`."""
    return {one["pair_id"]: one["copy_hash"] for one in _worked_out(dataset, row_hashes, copies_plan(DUCKDB_SQL))}


def _worked_out(dataset: DatasetRef, row_hashes: Collection[str], plan: Plan) -> list[dict[str, Any]]:
    if not row_hashes or not has_text(dataset):
        return []
    with pq.ParquetFile(dataset.manifest_file) as file:
        rows = file.read(columns=["row_hash", "split"])
    pairs = [{**dict.fromkeys(_SCHEMA.names), **one} for one in _lines(dataset, rows, row_hashes)]
    table = ibis.duckdb.connect().create_table("pairs", pa.Table.from_pylist(pairs, _SCHEMA))
    with DuckDB().work_out(plan, table) as found:
        told: list[dict[str, Any]] = found.to_pyarrow().to_pylist()
    return told


def _lines(dataset: DatasetRef, rows: pa.Table, row_hashes: Collection[str]) -> Iterator[dict[str, object]]:
    """Each of the rows once, with its hash in place of the id of its pair."""
    left = {*row_hashes}
    for side, path in (("train", dataset.train_file), ("validation", dataset.validation_file)):
        of_side = rows.filter(pc.equal(rows["split"], side))["row_hash"].to_pylist()
        with path.open("rb") as file:
            for row_hash, line in zip(of_side, file, strict=False):
                if row_hash in left:
                    left.remove(row_hash)
                    yield {"pair_id": row_hash, **stored_pair(json.loads(line))}
