"""Parquet files of rows without text, written batch by batch together with the digest of their rows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.domain.manifest import REPEATING, RowsDigest
from training_pipeline.infra.files import new_private_file

#: Rows of a row group: to read one row of a million takes a few milliseconds, and to read them all no longer.
GROUP: Final = 16_384


def write_rows(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> RowsDigest:
    """Write the rows to a new private file and return their digest; the batches must have the columns of `schema`."""
    digest = RowsDigest(schema)
    repeating = [name for name in schema.names if name in REPEATING]
    with (
        ThreadPoolExecutor(1) as beside,  # hashing and compressing both leave the interpreter
        os.fdopen(new_private_file(path), "wb") as file,
        pq.ParquetWriter(file, schema, compression="zstd", compression_level=1, use_dictionary=repeating) as writer,
    ):
        for batch in batches:
            hashing = beside.submit(digest.update, batch)
            writer.write_batch(batch.cast(schema), row_group_size=GROUP)
            hashing.result()
    return digest
