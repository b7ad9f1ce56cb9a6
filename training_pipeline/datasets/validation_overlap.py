"""How many validation rows several datasets have in common, read from their manifests alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import duckdb

from training_pipeline.datasets.diff import unreadable
from training_pipeline.domain.comparable import Overlap
from training_pipeline.domain.refs import DatasetRef

# A hash is that of the whole example as the trainer reads it. A manifest has a row for each pair: none counts twice.
_SHARED: Final = """
WITH rows AS (
    SELECT row_hash, count(DISTINCT filename) AS found FROM read_parquet($manifests, filename = true)
    WHERE split = 'validation' GROUP BY row_hash
)
SELECT count(*) FILTER (WHERE found = $datasets), count(*) FROM rows
"""


def validation_overlap(engine: duckdb.DuckDBPyConnection, datasets: Sequence[DatasetRef]) -> Overlap:
    """The different validation rows of these datasets, and those that all of them have. Reads the manifests only.

    Raises `Unavailable` where one cannot be read.
    """
    manifests = sorted({str(dataset.manifest_file) for dataset in datasets})
    try:
        found = engine.execute(_SHARED, {"manifests": manifests, "datasets": len(manifests)}).fetchall()
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.BinderException) as error:
        raise unreadable(*datasets) from error
    shared, total = found[0]
    return Overlap(shared=shared, total=total)
