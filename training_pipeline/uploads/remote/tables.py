"""`python -m training_pipeline.uploads.remote.tables OUTCOME` reads a table whose files were fetched.

It holds no credentials and opens no connection. It says which files are still needed, and once all are there writes the
rows as one Parquet file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.errors import SheetUnreadable
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.process import Failure, answer_task
from training_pipeline.uploads.remote.copying import MOST_FILES
from training_pipeline.uploads.remote.delta import StagedDelta
from training_pipeline.uploads.remote.iceberg import StagedIceberg
from training_pipeline.uploads.remote.layout import Kind

PROGRAM: Final = "training_pipeline.uploads.remote.tables"
#: Fewer rows than this are read at once.
_ROWS: Final = 20_000


class TableTask(BaseModel):
    """A table of which files lie in `folder`, and the Parquet file that its rows become."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    folder: Path
    target: Path
    limits: UploadLimits
    version: str | None = None


class TableRead(BaseModel):
    """What is still needed, as the table names it; nothing where the rows were written."""

    model_config = ConfigDict(frozen=True)

    version: str = ""
    lacking: tuple[str, ...] = ()
    failure: Failure | None = None


def read_table(task: TableTask) -> TableRead:
    """Do a task in this process."""
    staged = (StagedDelta if task.kind == "delta" else StagedIceberg)(task.folder, task.version)
    lacking = tuple(staged.lacking())
    if len(lacking) > MOST_FILES:
        raise SheetUnreadable(f"The table has more than {MOST_FILES:,} files.", hint="Compact it, and import that.")
    if not lacking:
        _write(*staged.batches(), task.target, task.limits)
    return TableRead(version=staged.version, lacking=lacking)


def _write(schema: pa.Schema, batches: Iterable[pa.RecordBatch], target: Path, limits: UploadLimits) -> None:
    rows = 0
    with pq.ParquetWriter(target, schema) as writer:
        for batch in batches:
            rows += batch.num_rows
            if rows > limits.rows:
                raise SheetUnreadable(f"The table has more than {limits.rows:,} rows.", hint="Import it in parts.")
            writer.write_table(pa.Table.from_batches([batch], schema), row_group_size=_ROWS)


def main(arguments: list[str]) -> int:
    """Read the task, do it, and write its outcome."""
    return answer_task(arguments, TableTask, read_table, lambda failure: TableRead(failure=failure))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
