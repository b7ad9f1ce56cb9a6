"""Scores of pairs as an evaluation has them, made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def scores(n: int, **columns: Sequence[Any] | pa.Array) -> pa.Table:
    """Scores of the pairs `pair-0000` to `n`, with these columns."""
    ids = [f"pair-{number:04}" for number in range(n)]
    texts = {"classification", "canonical_label_id", "training_sheet_id", "sheet_id", "length", "not_judged"}
    made: Mapping[str, Any] = {
        name: pa.array(values, pa.string() if name in texts else pa.float64()) for name, values in columns.items()
    }
    return pa.table({"pair_id": pa.array(ids, pa.string()), **made})


def right(n: int, accuracy: float) -> list[float]:
    """Of `n` answers this share is right, spread evenly: of one accuracy always the same ones."""
    so_far = np.floor(np.arange(n + 1) * accuracy + 1e-9)
    return [float(each) for each in np.diff(so_far)]


def written(path: Path, table: pa.Table) -> Path:
    """The path, with the table in a Parquet file there."""
    pq.write_table(table, path)
    return path
