from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.sheets.importing.reading import opening
from training_pipeline.sheets.importing.reading.file_kind import read_source
from training_pipeline.testing.sheets.foreign_files import workbook

ROWS = [{"question": "Größe?", "answer": "süß"}, {"question": "b", "answer": "c\nd"}]
JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
CSV = 'question,answer\r\nGröße?,süß\r\nb,"c\nd"\r\n'


def parquet(path: Path) -> bytes:
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path.read_bytes()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.jsonl", JSONL.encode(), "JSONL"),
        ("a.NDJSON", JSONL.encode("utf-8-sig"), "JSONL"),
        ("a.json", json.dumps(ROWS, indent=2).encode("utf-16"), "JSON"),
        ("a.jsonl", json.dumps(ROWS).encode(), "JSON"),
        ("a.json", JSONL.encode(), "JSON"),
        ("a.csv", CSV.encode("utf-8-sig"), "CSV"),
        ("a.CSV", CSV.encode("utf-16"), "CSV"),
        ("a.csv", ("sep=;\r\n" + CSV.replace(",", ";")).encode(), "CSV"),
        ("a.csv", CSV.replace(",", ";").encode(), "CSV"),
        ("a.tsv", CSV.replace(",", "\t").encode(), "TSV"),
        ("a.txt", CSV.replace(",", "\t").encode(), "TSV"),
    ],
)
def test_the_same_rows_whatever_the_file(tmp_path: Path, name: str, content: bytes, kind: str, packed: bool) -> None:
    file = tmp_path / (name + ".gz" * packed)
    file.write_bytes(gzip.compress(content) if packed else content)
    source = read_source(file)
    assert source is not None
    assert source.kind == kind
    rows = list(source.rows())
    assert [row.values for row in rows] == ROWS
    assert not any(row.problems for row in rows)


def test_tables_by_their_content_whatever_they_are_called(tmp_path: Path) -> None:
    for name, content, kind in (
        ("a.csv", parquet(tmp_path / "p"), "Parquet"),
        ("b.jsonl", workbook({"s": [["question", "answer"], ["Größe?", "süß"], ["b", "c\nd"]]}), "workbook"),
    ):
        (tmp_path / name).write_bytes(content)
        source = read_source(tmp_path / name)
        assert source is not None
        assert source.kind == kind
        assert [row.values for row in source.rows()] == ROWS


def test_what_is_no_table_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"text")
    assert read_source(tmp_path / "a.docx") is None


@pytest.mark.parametrize("cut", [30, 60, -9, -1])
def test_a_damaged_file_is_told_where_it_breaks(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress((JSONL * 50).encode(), mtime=0)[:cut])
    source = read_source(file)
    assert source is not None
    last = list(source.rows())[-1]
    assert [problem.code for problem in last.problems] == ["unreadable_file"]


def test_a_bomb_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress((JSONL + "\n" * 300_000).encode()))
    source = read_source(file)
    assert source is not None
    assert [row.values for row in source.rows()] == ROWS  # the same file is too small to do harm
    monkeypatch.setattr(opening, "_FREE", 2**16)
    *_, last = source.rows()
    assert "it unpacks to more than 200 times its size" in last.problems[0].message


@pytest.mark.parametrize("suffix", [".CSV", ".Csv", ".csv.GZ", ".TXT"])
def test_capitals_in_a_name_make_no_difference(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(gzip.compress(CSV.encode()) if suffix.endswith("GZ") else CSV.encode())
    source = read_source(tmp_path / f"a{suffix}")
    assert source is not None
    assert [row.values for row in source.rows()] == ROWS
