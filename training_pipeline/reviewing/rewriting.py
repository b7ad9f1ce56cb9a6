"""Pairs in the file that an import wrote: some are read, or the whole is written anew with some of them changed.

The file is read a row group at a time: memory does not grow with the sheet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training_pipeline.domain.pair_schema import PAIR_SCHEMA

_SCHEMA: Final = PAIR_SCHEMA.to_pyarrow()

Pair = dict[str, Any]


def is_ours(data: Path) -> bool:
    """Whether the file has exactly the columns that an import writes. Reads its end only."""
    try:
        found = pq.read_schema(data)
    except (pa.ArrowException, OSError):
        return False
    return {field.name: field.type for field in found} == {field.name: field.type for field in _SCHEMA}


def pairs_of(data: Path, pair_ids: Collection[str]) -> dict[str, list[Pair]]:
    """The rows of these pairs by id; several for an id that stands several times, none for one that is not there."""
    found: dict[str, list[Pair]] = {pair_id: [] for pair_id in pair_ids}
    for row in pq.read_table(data, filters=pc.field("pair_id").isin(list(pair_ids))).to_pylist():
        found[row["pair_id"]].append(row)
    return found


def rewrite(data: Path, target: Path, changed: Mapping[str, Pair]) -> None:
    """Write the file anew as `target`, in the order of its rows, with these pairs in the place of those of their id."""
    with pq.ParquetFile(data) as source, pq.ParquetWriter(target, _SCHEMA) as writer:
        for group in range(source.num_row_groups):
            rows = source.read_row_group(group).select(_SCHEMA.names)
            writer.write_table(_with(rows, changed))


def _with(rows: pa.Table, changed: Mapping[str, Pair]) -> pa.Table:
    ids = rows.column("pair_id")
    here = [
        index
        for index, meant in enumerate(pc.is_in(ids, value_set=pa.array(list(changed), pa.string())).to_pylist())
        if meant
    ]
    if not here:
        return rows
    fresh = pa.Table.from_pylist([changed[ids[index].as_py()] for index in here], _SCHEMA)
    order = list(range(len(rows)))
    for place, index in enumerate(here):
        order[index] = len(rows) + place
    return pa.concat_tables([rows.cast(_SCHEMA), fresh]).take(order)
