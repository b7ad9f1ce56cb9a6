"""A manifest in pages. A stored manifest never changes, so the number of a row is a safe place to go on from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.refs import DatasetRef

Part = Literal["included", "train", "validation", "excluded"]
_BATCH: Final = 50_000


@dataclass(frozen=True, slots=True)
class ManifestPage:
    """Rows of the manifest in its order, and the number of the row to go on from; None at the end."""

    rows: pa.Table
    next_row: int | None


#: Where a search looks for its text.
_SEARCHED: Final = ("pair_id", "item_ref", "canonical_label_id")


def manifest_page(
    dataset: DatasetRef, part: Part, *, start: int = 0, limit: int = 1000, search: str = ""
) -> ManifestPage:
    """At most `limit` rows of one part, from row number `start` of the whole manifest on. Reads only.

    With `search` only rows with that text in an id of pair, item or label, in any case of letters.
    Reads no more than it needs: row groups before `start` are skipped. Raises `Unavailable` where it cannot be read.
    """
    found: list[pa.RecordBatch] = []
    missing = limit
    try:
        with pq.ParquetFile(dataset.manifest_file) as file:
            at, groups = _groups_from(file, start)
            for batch in file.iter_batches(batch_size=_BATCH, row_groups=groups):
                skipped = max(0, start - at)
                places = _places(batch.slice(skipped), part, search)
                if len(places) > missing:
                    found.append(batch.slice(skipped).take(places[:missing]))
                    return ManifestPage(_table(found, file), at + skipped + places[missing].as_py())
                found.append(batch.slice(skipped).take(places))
                missing -= len(places)
                at += len(batch)
            return ManifestPage(_table(found, file), None)
    except (OSError, pa.ArrowException) as error:
        raise Unavailable(f"The manifest of dataset {dataset.digest} cannot be read: {error}.") from error


def _groups_from(file: pq.ParquetFile, start: int) -> tuple[int, list[int]]:
    """The number of the first row that has to be read, and the row groups from it on."""
    first = 0
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        if first + size > start:
            return first, list(range(group, file.num_row_groups))
        first += size
    return first, []


def _places(batch: pa.RecordBatch, part: Part, search: str) -> pa.Array:
    """Where in the batch the rows of the part are."""
    split = batch.column("split")
    if part == "excluded":
        keep = pc.is_null(split)
    elif part == "included":
        keep = pc.is_valid(split)
    else:
        keep = pc.fill_null(pc.equal(split, part), False)
    if search:
        found = [pc.match_substring(batch.column(name), search, ignore_case=True) for name in _SEARCHED]
        keep = pc.and_(keep, reduce(pc.or_, [pc.fill_null(each, False) for each in found]))
    return pc.indices_nonzero(keep)


def _table(batches: list[pa.RecordBatch], file: pq.ParquetFile) -> pa.Table:
    return pa.Table.from_batches(batches, file.schema_arrow)
