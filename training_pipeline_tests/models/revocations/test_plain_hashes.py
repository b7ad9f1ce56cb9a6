"""What holds a hash of a row is found, file by file and table by table."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.pair_edit import PairFacts
from training_pipeline.models.revocations.plain_hashes import Files, Hashed, in_files, in_tables
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.reviewing.log import EditedPair, EditLog
from training_pipeline.testing.models.used_rows import dataset_of, hashed, job_with, row
from training_pipeline.training_jobs.store.jobs import JobStore

names = st.sampled_from("abcdef")
rows = st.lists(st.none() | names.map(hashed), max_size=6)


@settings(max_examples=25, deadline=None)
@given(files=st.lists(rows, max_size=3), asked=st.sets(names, max_size=3))
def test_each_file_is_named_with_its_rows_and_one_that_cannot_be_read_keeps_no_other(
    files: list[list[str | None]], asked: set[str]
) -> None:
    wanted = set(map(hashed, asked))
    with tempfile.TemporaryDirectory() as directory:
        paths = [Path(directory, f"{number}.parquet") for number in range(len(files))]
        for path, column in zip(paths, files, strict=True):
            pq.write_table(pa.table({"pair_id": column, "row_hash": pa.array(column, pa.string())}), path)
        damaged, other, gone = (Path(directory, name) for name in ("damaged", "other", "gone"))
        damaged.write_bytes(b"no parquet")
        pq.write_table(pa.table({"pair_id": ["p"]}), other)
        found = in_files([damaged, gone, *paths, other], wanted)
    counts = [sum(one in wanted for one in column) for column in files]
    expected = tuple(Hashed(str(path), count) for path, count in zip(paths, counts, strict=True) if count)
    assert found == Files(expected, (damaged, other) if asked else ())


def facts(row_hash: str) -> PairFacts:
    return PairFacts(**{**dict.fromkeys(PairFacts.model_fields), "row_hash": row_hash})


def test_tables_that_hold_a_hash_are_named_with_their_rows(store: JobStore, tmp_path: Path) -> None:
    job_with(store, UseIndex(store), "sheet", dataset_of(tmp_path, "sheet", [row("p", "train"), row("q", "train")]))
    edited = [EditedPair("p", facts(hashed("before")), facts(hashed("example p")))]
    EditLog(store).intend("sheet", digests=("a", "b"), files=("a", "b"), pairs=edited, actor="ada", undoes=None)
    log, index = "the log of edits (table sheet_edit_pairs)", "the index of uses (table use_rows)"
    with store.begin() as connection:
        assert in_tables(connection, [hashed("example p")]) == (Hashed(index, 1), Hashed(log, 1))
        assert in_tables(connection, [hashed("before")]) == (Hashed(log, 1),)
        assert in_tables(connection, [hashed("example p"), hashed("example q")]) == (Hashed(index, 2), Hashed(log, 1))
        assert in_tables(connection, [hashed("nobody's")]) == in_tables(connection, []) == ()
