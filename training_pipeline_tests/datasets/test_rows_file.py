from __future__ import annotations

import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.datasets.rows_file import write_rows
from training_pipeline.domain.manifest import RowsDigest

SCHEMA = pa.schema([("pair_id", pa.string()), ("reason", pa.string()), ("may_validate", pa.bool_())])
TABLE = pa.table(
    {
        "pair_id": [f"p-{number}" for number in range(10)],
        "reason": [None, "duplicate"] * 5,
        "may_validate": [True, None] * 5,
    },
    SCHEMA,
)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_rows_come_back_with_the_digest_they_were_written_under(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "rows.parquet"
    digest = write_rows(path, SCHEMA, TABLE.to_batches(rows))
    assert pq.read_table(path).equals(TABLE)
    whole = RowsDigest(SCHEMA)
    for batch in TABLE.to_batches():
        whole.update(batch)
    assert digest.hexdigest() == whole.hexdigest()


def test_it_is_for_its_owner_and_nobody_elses_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_rows(path, SCHEMA, [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert pq.read_table(path).num_rows == 0
    with pytest.raises(FileExistsError):
        write_rows(path, SCHEMA, TABLE.to_batches())
