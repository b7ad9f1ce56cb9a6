"""What a file says is read whole, however it is compressed and wherever a column has it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.models.revocations import file_contents
from training_pipeline.models.revocations.file_contents import contents

TEXT = "Where does Mrs Müller live?"


def said(path: Path) -> list[bytes]:
    return [*contents(path, overlap=len(TEXT.encode()) - 1)]


def holds(path: Path) -> bool:
    return any(TEXT.encode() in piece for piece in said(path))


MESSAGES = [[{"role": "user", "content": TEXT}]]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([TEXT]),
        pa.array([None, TEXT, "other"], pa.large_string()),
        pa.array([TEXT.encode()]),
        pa.array([TEXT] * 9).dictionary_encode(),
        pa.array([*MESSAGES, None, []]),
        pa.array(MESSAGES, pa.large_list(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        pa.array([[("said", TEXT)]], pa.map_(pa.string(), pa.string())),
        pa.array([[[TEXT]]], pa.list_(pa.list_(pa.string(), 1))),
    ],
    ids=lambda column: str(column.type),
)
def test_a_text_is_found_in_a_column_of_any_type(column: Any, tmp_path: Path) -> None:
    table = pa.table({"number": pa.array(range(len(column))), "said": column})
    for compression in ("zstd", "snappy", "none"):
        path = tmp_path / compression
        pq.write_table(table, path, compression=compression)
        assert holds(path)
    pq.write_table(table.select(["number"]), tmp_path / "numbers")
    assert not holds(tmp_path / "numbers")


def test_a_large_parquet_file_is_read_in_pieces(tmp_path: Path) -> None:
    texts = [f"{TEXT} {number}" for number in range(5000)]
    pq.write_table(pa.table({"said": texts}), tmp_path / "large", compression="zstd")
    pieces = [piece for piece in said(tmp_path / "large") if TEXT.encode() in piece]
    assert max(map(len, pieces)) < 2000 * len(texts[-1])
    assert all(any(one.encode() in piece for piece in pieces) for one in (texts[0], texts[2500], texts[-1]))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_a_string_that_is_no_utf_8_hides_no_text(kind: pa.DataType, tmp_path: Path) -> None:
    values = pa.array([b"\xff\xfe", TEXT.encode(), b"\xff " + TEXT.encode()], pa.binary())
    column = pa.Array.from_buffers(pa.string(), len(values), values.buffers()).cast(kind)
    pq.write_table(pa.table({"said": column}), tmp_path / "broken")
    (piece,) = [piece for piece in said(tmp_path / "broken") if TEXT.encode() in piece and b"PAR1" not in piece]
    assert piece.split(b"\n") == values.to_pylist()


def test_rows_that_are_wide_are_read_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_contents, "_CHUNK", 40_000)
    wide = [os.urandom(5000) + f"{number} {TEXT}".encode() for number in range(64)]
    columns = {"picture": wide, "number": list(range(64)), "nested": [{"said": one} for one in wide]}
    path = tmp_path / "wide"
    pq.write_table(pa.table(columns), path, compression="none", use_dictionary=False, row_group_size=32)
    read: list[int] = []
    leaves = file_contents._leaves

    def counted(array: Any) -> Iterator[bytes]:
        read.append(len(array))
        return leaves(array)

    monkeypatch.setattr(file_contents, "_leaves", counted)
    assert all(any(one in piece for piece in said(path)) for one in wide)
    assert sorted(set(read)) == [4, 7, 32], "a few of the wide ones, and of the narrow ones a whole group"


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_read_across_its_chunks(
    compress: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "any name"
    path.write_bytes(compress(b"x" * 50 + TEXT.encode() + b"y" * 50))
    monkeypatch.setattr(file_contents, "_CHUNK", 7)
    assert holds(path)


@pytest.mark.parametrize(
    "damaged",
    [b"PAR1 no Parquet PAR1", gzip.compress(b"text")[:-4], b"\x1f\x8b nothing", lzma.compress(b"text")[:-4], b"BZh9!"],
)
def test_what_cannot_be_read_is_an_error_of_the_file(damaged: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(damaged)
    with pytest.raises(OSError):
        said(path)


def test_the_bytes_of_a_file_are_read_also_where_it_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert said(path) == []
    path.write_text(f"He asked: {TEXT}")
    assert holds(path)
