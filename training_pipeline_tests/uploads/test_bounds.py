from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.sheets.files.row import Row
from training_pipeline.sheets.importing.reading.file_kind import Source, read_source
from training_pipeline.uploads.bounds import bounded, too_large_unpacked
from training_pipeline.uploads.limits import UploadLimits

SMALL = UploadLimits(unpacked_bytes=8 * 2**20, ratio=20)


def source_of(rows: list[dict[str, object]]) -> Source:
    return Source("made up", "a test", lambda: iter([Row(line, row) for line, row in enumerate(rows, start=2)]))


def gzipped(file: Path, size: int) -> Path:
    with gzip.open(file, "wb") as opened:
        opened.write(b"a" * size)
    return file


def zipped(file: Path, size: int) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"a" * size)
    return file


@pytest.mark.parametrize("make", [gzipped, zipped])
def test_what_unpacks_to_too_much_is_told_before_it_is_read(make: object, tmp_path: Path) -> None:
    assert callable(make)
    assert too_large_unpacked(make(tmp_path / "fine", 2**20), SMALL) is None
    by_ratio = too_large_unpacked(make(tmp_path / "ratio", 2 * 2**20), SMALL)
    assert by_ratio == "unpacks to more than 20 times its size"
    plenty = SMALL.model_copy(update={"ratio": 10_000})
    assert too_large_unpacked(make(tmp_path / "size", 9 * 2**20), plenty) == "unpacks to more than 8,388,608 bytes"


def test_parquet_says_what_it_unpacks_to_and_damage_is_for_its_reader(tmp_path: Path) -> None:
    file = tmp_path / "pairs.parquet"
    pq.write_table(pa.table({"question": [f"{n}" * 1000 for n in range(9000)]}), file, compression="zstd")
    assert too_large_unpacked(file, UploadLimits(unpacked_bytes=2**20)) is not None
    file.write_bytes(b"PAR1 and nothing more")
    assert too_large_unpacked(file, SMALL) is None
    file.write_bytes(gzipped(tmp_path / "whole", 2**19).read_bytes()[:-9])
    assert too_large_unpacked(file, SMALL) is None


@given(rows=st.integers(0, 12), most=st.integers(1, 12))
def test_rows_end_at_the_first_too_many(rows: int, most: int) -> None:
    found = list(bounded(source_of([{"a": "x"}] * rows), UploadLimits(rows=most)).rows())
    told = [problem.code for row in found for problem in row.problems]
    assert told == ([] if rows <= most else ["too_many_rows"])
    assert len([row for row in found if row.values is not None]) == min(rows, most)


@given(
    st.recursive(
        st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_a_cell_is_as_long_as_all_that_it_holds(value: object) -> None:
    def length(one: object) -> int:
        if isinstance(one, str):
            return len(one)
        if isinstance(one, dict):
            return sum(len(key) + length(inner) for key, inner in one.items())
        return sum(map(length, one)) if isinstance(one, list) else 0

    most = 30
    found = list(bounded(source_of([{"a": value}]), UploadLimits(cell=most)).rows())
    told = [problem.code for row in found for problem in row.problems]
    assert told == (["cell_too_long"] if length(value) > most else [])


def test_too_many_columns_end_a_file_that_is_really_read(tmp_path: Path) -> None:
    file = tmp_path / "wide.jsonl"
    file.write_text(json.dumps({"a": 1}) + "\n" + json.dumps({str(n): n for n in range(5)}) + "\n")
    source = read_source(file)
    assert source is not None
    rows = list(bounded(source, UploadLimits(columns=4)).rows())
    assert [problem.code for row in rows for problem in row.problems] == ["too_many_columns"]
    assert rows[-1].line == 2
