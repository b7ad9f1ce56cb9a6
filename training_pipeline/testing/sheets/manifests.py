"""The manifest of a stored dataset, whole, as tests look at it."""

from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq

from training_pipeline.domain.refs import DatasetRef


def read_manifest(dataset: DatasetRef) -> pd.DataFrame:
    """A row for every pair of the sheet, in the order of their ids."""
    manifest: pd.DataFrame = pq.read_table(dataset.manifest_file).to_pandas()
    return manifest
