from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from training_pipeline.models.uses.check import check
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.training_jobs.store.jobs import JobStore


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("UPDATE use_rows SET pair_key = 1 WHERE row_no = 1", "1 rows of its manifest cannot be found by their names"),
        ("UPDATE use_rows SET label_key = 1 WHERE row_no = 0", "1 rows of its manifest cannot be found by their names"),
        ("DELETE FROM use_rows WHERE row_no = 2", "1 rows of its manifest are not in the index"),
        ("DELETE FROM use_verdicts", "of 3 rows the index says something else"),
        ("UPDATE use_verdicts SET cells = set_byte(cells, 16, 2)", "of 1 rows the index says something else"),
        ("UPDATE use_datasets SET recorded_at = NULL", "a training job has it, and the index does not"),
        ("UPDATE use_datasets SET path = '/nowhere'", "The manifest /nowhere/manifest.parquet cannot be read"),
        ("UPDATE use_datasets SET manifest_sha256 = '0'", "is damaged"),
    ],
)
def test_whatever_is_wrong_is_found(
    store: JobStore, index: UseIndex, tmp_path: Path, damage: str, problem: str
) -> None:
    dataset = dataset_of(tmp_path, "invoices", [row("a", "train"), row("b", "train"), row("c", "duplicate")])
    job_with(store, index, "invoices", dataset)
    (found,) = check(store)
    assert found.problems == ()
    with store.begin() as connection:
        connection.execute(text(damage))
    (found,) = check(store)
    assert (found.training_sheet_id, found.digest) == ("invoices", dataset.digest)
    assert problem in found.problems[0]
    assert len(list(index.rebuild())) == 1
    if "manifest" not in damage:
        assert [one.problems for one in check(store)] == [()]
