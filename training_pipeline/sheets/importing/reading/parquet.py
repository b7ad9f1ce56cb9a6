"""Parquet, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.sheets.files.row import Row, repeated_names
from training_pipeline.sheets.files.rows import batch_rows, parquet_batches
from training_pipeline.sheets.shown_name import shown_name

MAGIC: Final = b"PAR1"


def rows(file: Path) -> Iterator[Row]:
    """The rows, counted from 1. NaN is missing; what Python cannot hold is a problem of its row. Reads only."""
    line = 0
    try:
        with pq.ParquetFile(file) as opened:
            for name in repeated_names(opened.schema_arrow.names):
                yield Row(1, None, [Problem(shown_name(name), "repeated_column", "appears twice in its schema", 1)])
                return
            for batch in parquet_batches(opened):
                for row in batch_rows(batch, line + 1):
                    line = row.line
                    yield row
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Arrow raises errors of many classes
        where = f"after row {line}" if line else "from its first byte on"
        yield Row(line, None, [Problem("", "corrupt_parquet", f"cannot be read as Parquet {where}; write it again")])
