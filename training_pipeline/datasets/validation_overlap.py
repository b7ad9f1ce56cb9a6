"""How many validation rows several datasets have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from training_pipeline.datasets.comparable_hashes import Space, common_space, rows_in
from training_pipeline.datasets.diff import unreadable
from training_pipeline.domain.comparable import Overlap
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.refs import DatasetRef

# A hash is that of the whole example as the trainer reads it. A manifest has a row for each pair: none counts twice.
_SHARED: Final = """
WITH rows AS (SELECT row_hash, count(DISTINCT dataset) AS found FROM validated GROUP BY row_hash)
SELECT count(*) FILTER (WHERE found = $datasets), count(*) FROM rows
"""


def validation_overlap(
    engine: duckdb.DuckDBPyConnection, datasets: Sequence[DatasetRef], keys: HashKeys = NO_KEYS
) -> Overlap:
    """The different validation rows of these datasets, and those that all of them have.

    Reads the manifests, and texts where hashes are under different keys. Raises `Unavailable` where one cannot be read,
    or nobody can say which rows are the same.
    """
    different = list({str(dataset.manifest_file): dataset for dataset in datasets}.values())
    space = common_space(different, keys)
    if space is None:
        raise Unavailable(
            "Which validation rows these datasets have in common is not known: their hashes are under different keys.",
            hint="A key was destroyed, or cannot be read, and the text is gone.",
        )
    try:
        validated = pa.concat_tables([_validated(one, space, keys, number) for number, one in enumerate(different)])
        with engine.cursor() as asking:
            asking.register("validated", validated)
            found = asking.execute(_SHARED, {"datasets": len(different)}).fetchall()
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise unreadable(*datasets) from error
    shared, total = found[0]
    return Overlap(shared=shared, total=total)


def _validated(dataset: DatasetRef, space: Space, keys: HashKeys, number: int) -> pa.Table:
    rows = rows_in(dataset, space, keys, ["split"])
    hashes = rows.filter(pc.equal(rows["split"], "validation"))["comparable_hash"]
    return pa.table({"row_hash": hashes, "dataset": pa.array([number] * len(hashes), pa.int64())})
